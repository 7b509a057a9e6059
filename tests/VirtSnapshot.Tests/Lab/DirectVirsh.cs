using System.Runtime.InteropServices;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;

namespace VirtSnapshot.Tests.Lab;

/// <summary>
/// The commands of virsh that the tests give by the hundred, done in this process: a program that uses libvirt takes 60 ms of processor time to start. The others
/// are left to virsh.
/// </summary>
internal sealed partial class DirectVirsh(string uri) : IDisposable
{
    private readonly Lock one = new();
    private ConnectHandle? connection;

    [Flags]
    private enum UndefineFlags : uint
    {
        None = 0,
        ManagedSave = 1,
        SnapshotsMetadata = 2,
        CheckpointsMetadata = 16,
    }

    /// <summary>Carries out a command.</summary>
    /// <returns>False where it is not one of those that are known here, and nothing was done.</returns>
    /// <exception cref="LibvirtException">It failed.</exception>
    public bool TryRun(ReadOnlySpan<string> arguments)
    {
        Action<ConnectHandle>? command = arguments switch
        {
            ["define", var file] => to => Free(DefineXml(to, File.ReadAllText(file))),
            ["create", var file] => to => Free(CreateXml(to, File.ReadAllText(file), 0)),
            ["start", var name] => to => On(to, name, Create),
            ["destroy", var name] => to => On(to, name, Destroy),
            ["suspend", var name] => to => On(to, name, Suspend),
            ["resume", var name] => to => On(to, name, Resume),
            ["undefine", var name, .. var options] when Parse(options) is { } flags => to => On(to, name, domain => Undefine(domain, flags)),
            ["qemu-monitor-command", "--hmp", var name, var text] => to => On(to, name, domain => TellMonitor(domain, text)),
            _ => null,
        };
        if (command is null)
        {
            return false;
        }

        lock (one)
        {
            try
            {
                command(connection ??= Open());
            }
            catch (LibvirtException error) when (error.ConnectionLost)
            {
                // The libvirtd has been restarted since.
                connection?.Dispose();
                connection = null;
                command(connection = Open());
            }
        }

        return true;
    }

    public void Dispose() => connection?.Dispose();

    private static UndefineFlags? Parse(ReadOnlySpan<string> options)
    {
        var flags = UndefineFlags.None;
        foreach (var option in options)
        {
            switch (option)
            {
                case "--managed-save": flags |= UndefineFlags.ManagedSave; break;
                case "--snapshots-metadata": flags |= UndefineFlags.SnapshotsMetadata; break;
                case "--checkpoints-metadata": flags |= UndefineFlags.CheckpointsMetadata; break;
                default: return null;
            }
        }

        return flags;
    }

    private static void On(ConnectHandle connection, string name, Func<DomainHandle, int> call)
    {
        using var domain = DomainApi.LookupByName(connection, name);
        ErrorApi.Check(call(domain), name);
    }

    private static int TellMonitor(DomainHandle domain, string text)
    {
        const uint Hmp = 1; // VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP
        var result = MonitorCommand(domain, text, out var answer, Hmp);
        NativeText.Free(answer);
        return result;
    }

    private static void Free(DomainHandle domain)
    {
        using (domain)
        {
            ErrorApi.Check(domain, nameof(DirectVirsh));
        }
    }

    private ConnectHandle Open()
    {
        LibvirtRuntime.EnsureStarted();
        return ConnectApi.Open(uri);
    }

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainDefineXML", StringMarshalling = StringMarshalling.Utf8)]
    private static partial DomainHandle DefineXml(ConnectHandle connection, string xml);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainCreateXML", StringMarshalling = StringMarshalling.Utf8)]
    private static partial DomainHandle CreateXml(ConnectHandle connection, string xml, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainCreate")]
    private static partial int Create(DomainHandle domain);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainDestroy")]
    private static partial int Destroy(DomainHandle domain);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainSuspend")]
    private static partial int Suspend(DomainHandle domain);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainResume")]
    private static partial int Resume(DomainHandle domain);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainUndefineFlags")]
    private static partial int Undefine(DomainHandle domain, UndefineFlags flags);

    [LibraryImport(Library.LibvirtQemu, EntryPoint = "virDomainQemuMonitorCommand", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MonitorCommand(DomainHandle domain, string command, out nint answer, uint flags);
}
