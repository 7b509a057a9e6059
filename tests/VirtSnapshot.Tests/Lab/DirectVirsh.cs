using System.Runtime.InteropServices;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;

namespace VirtSnapshot.Tests.Lab;

/// <summary>
/// The commands of virsh that tests run by the hundred, carried out in this process: starting virsh takes 60 ms of processor time. All other commands are
/// left to virsh.
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
    /// <returns>False if the command is not one of these; nothing was done.</returns>
    /// <exception cref="LibvirtException">It failed.</exception>
    public bool TryRun(ReadOnlySpan<string> arguments)
    {
        Action<ConnectHandle>? command = arguments switch
        {
            ["define", var file] => to => Free(DefineXml(to, File.ReadAllText(file))),
            ["create", var file] => to => Free(CreateXml(to, File.ReadAllText(file), 0)),
            ["start", var name] => to => On(to, name, domain => ErrorApi.Check(Create(domain), name)),
            ["destroy", var name] => to => On(to, name, domain => ErrorApi.Check(Destroy(domain), name)),
            ["suspend", var name] => to => On(to, name, DomainApi.Suspend),
            ["resume", var name] => to => On(to, name, DomainApi.Resume),
            ["undefine", var name, .. var options] when Parse(options) is { } flags =>
                to => On(to, name, domain => ErrorApi.Check(Undefine(domain, flags), name)),
            ["qemu-monitor-command", "--hmp", var name, var text] => to => On(to, name, domain => ErrorApi.Check(TellMonitor(domain, text), name)),
            _ => null,
        };
        if (command is null)
        {
            return false;
        }

        Call(to =>
        {
            command(to);
            return true;
        });
        return true;
    }

    /// <summary>Tells a domain's agent a command, as <c>qemu-agent-command</c> does.</summary>
    /// <returns>The answer, as JSON.</returns>
    /// <exception cref="LibvirtException">It failed, or no answer came in time.</exception>
    public string AskAgent(string name, string command, int timeoutSeconds)
    {
        // Only the lookup is repeated after a lost connection: the agent may have run the command already. Other calls do not wait for its answer.
        using var domain = Call(to => DomainApi.LookupByName(to, name));
        return DomainApi.AgentCommand(domain, command, timeoutSeconds);
    }

    public void Dispose() => connection?.Dispose();

    private T Call<T>(Func<ConnectHandle, T> call)
    {
        lock (one)
        {
            try
            {
                return call(connection ??= Open());
            }
            catch (LibvirtException error) when (error.ConnectionLost)
            {
                // The libvirtd has been restarted since.
                connection?.Dispose();
                connection = null;
                return call(connection = Open());
            }
        }
    }

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

    private static void On(ConnectHandle connection, string name, Action<DomainHandle> call)
    {
        using var domain = DomainApi.LookupByName(connection, name);
        call(domain);
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

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainUndefineFlags")]
    private static partial int Undefine(DomainHandle domain, UndefineFlags flags);

    [LibraryImport(Library.LibvirtQemu, EntryPoint = "virDomainQemuMonitorCommand", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MonitorCommand(DomainHandle domain, string command, out nint answer, uint flags);
}
