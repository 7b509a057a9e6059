using System.Text;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Methods;
using VirtSnapshot.Native;

namespace VirtSnapshot.Snapshots;

/// <summary>One run on one domain: the lock, the domain's current state, and its host.</summary>
internal sealed class DomainSession : IDisposable
{
    private static readonly TimeSpan ReconnectTime = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ReconnectPause = TimeSpan.FromMilliseconds(200);

    private readonly IDisposable hold;

    private DomainSession(SnapshotEngine engine, LibvirtDomain native, VmDomain domain, IHost host, IDisposable hold)
    {
        Engine = engine;
        Native = native;
        Domain = domain;
        Host = host;
        this.hold = hold;
    }

    public SnapshotEngine Engine { get; }

    public LibvirtDomain Native { get; private set; }

    public VmDomain Domain { get; private set; }

    public IHost Host { get; }

    /// <summary>
    /// Identifies the domain's run from start to stop: libvirt's id, and the host's boot id, because a reboot resets libvirt's ids. Null where it does not run,
    /// or the host is not accessible.
    /// </summary>
    public string? Instance => Domain.Id is { } id && Host.WhyNoShell is null
        ? $"{Encoding.ASCII.GetString(Host.ReadHead("/proc/sys/kernel/random/boot_id", 64)).Trim()}/{id}"
        : null;

    /// <summary>The stored definition of a running domain; null if the domain as it was read is its only definition.</summary>
    public static VmDomain? ReadStored(LibvirtDomain native, VmDomain now) =>
        now is { IsActive: true, IsPersistent: true } ? DomainReader.ReadStored(native, now) : null;

    /// <summary>Takes the lock, and only then reads the domain.</summary>
    /// <exception cref="VirtSnapshotException"><c>DomainLocked</c>, <c>DomainNotFound</c>, <c>LibvirtUnreachable</c>, <c>ManagedSave</c>.</exception>
    public static DomainSession Open(SnapshotEngine engine, VmDomain domain, CancellationToken cancellation) => Guarded(domain, "reading it", () =>
    {
        var native = DomainFinder.Open(domain, cancellation);
        IDisposable? hold = null;
        try
        {
            var host = HostFinder.For(native.Connection, domain);
            hold = Lock(host, domain);
            var now = DomainReader.Read(native);
            return FindSavedMemory(native, now, "Nothing was touched.") is { } saved ? throw saved : new DomainSession(engine, native, now, host, hold);
        }
        catch
        {
            hold?.Dispose();
            native.Dispose();
            throw;
        }
    });

    /// <summary>
    /// The error for a domain whose memory is saved; null if it is not saved. The saved memory names the disks' images: the domain continues from it only on
    /// the same ones.
    /// </summary>
    /// <param name="native">The domain's calls.</param>
    /// <param name="domain">The domain.</param>
    /// <param name="outcome">What this means for the caller's work, as a sentence.</param>
    public static VirtSnapshotException? FindSavedMemory(LibvirtDomain native, VmDomain domain, string outcome)
    {
        var (where, advice) = native.SavedMemory switch
        {
            null => ("", ""),
            SavedMemory.Managed => (
                "saved by libvirt (managed save)",
                $"Start it ('virsh start {domain.Name}'), and it continues from its memory. To shut it off, shut it down in the guest."),
            _ => (
                "saved to a file ('virsh save')",
                "Restore that file ('virsh restore FILE'), and it continues from its memory. "
                + "If that memory is not needed, start the domain, and shut it down in the guest."),
        };
        return where.Length == 0
            ? null
            : new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "ManagedSave",
                domain,
                $"The memory of domain '{domain.Name}' is {where}, and until it continues its disks must stay as they are. {outcome} {advice}");
    }

    /// <summary>Runs something that calls libvirt, and turns libvirt's errors into ours.</summary>
    public static T Guarded<T>(VmDomain domain, string doing, Func<T> action, string advice = "Nothing was left behind.")
    {
        try
        {
            return action();
        }
        catch (LibvirtException e)
        {
            throw LibvirtFailure.Explain(e, domain, $"{doing} (domain '{domain.Name}')", advice);
        }
    }

    /// <summary>Writes the journal.</summary>
    public void Journal(
        RunOperation operation,
        DateTimeOffset startedAt,
        IReadOnlyList<JournalEntry> entries,
        bool freezes = false,
        IReadOnlyList<RestoredState>? states = null) =>
        new RunJournal(operation, startedAt, entries)
        {
            LockedOn = Host.WhyNoShell is null ? null : Environment.MachineName,
            Freezes = freezes,
            States = states ?? [],
        }.Write(Native, Domain);

    public void Reread() => Domain = DomainReader.Read(Native);

    /// <summary>A new connection where the old one is lost; waits as long as a daemon takes to restart.</summary>
    /// <exception cref="LibvirtException">The connection failed.</exception>
    /// <exception cref="VirtSnapshotException">The connection failed, or the domain does not exist any more.</exception>
    public void Reconnect()
    {
        var giveUp = DateTime.UtcNow + ReconnectTime;
        while (true)
        {
            try
            {
                Domain = DomainReader.Read(Native);
                return;
            }
            catch (LibvirtException e) when (e.ConnectionLost && DateTime.UtcNow < giveUp)
            {
                Thread.Sleep(ReconnectPause);
            }

            try
            {
                UseAnotherConnection();
            }
            catch (VirtSnapshotException e) when (e.Kind == FailureKind.ConnectionError && DateTime.UtcNow < giveUp)
            {
                Thread.Sleep(ReconnectPause);
            }
        }
    }

    /// <summary>Needed where the current connection is lost, or an abandoned call still runs on it.</summary>
    public void UseAnotherConnection()
    {
        var fresh = DomainFinder.Open(Domain);
        Native.Abandon();
        Native = fresh;
    }

    public MethodRequest ToRequest() => new(Native, Domain, Host);

    public void Dispose()
    {
        hold.Dispose();
        Native.Dispose();
    }

    private static IDisposable Lock(IHost host, VmDomain domain)
    {
        try
        {
            return host.TryLock($"domain-{domain.Uuid:D}") ?? throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "DomainLocked",
                domain,
                $"Another run is working on domain '{domain.Name}'. Nothing was touched. Wait until it has ended, then try again.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new VirtSnapshotException(
                FailureKind.PermissionDenied,
                "LockUnavailable",
                domain,
                $"The lock of domain '{domain.Name}' on host '{host.Name}' cannot be taken: {e.Message}. Nothing was touched. Run as root, or fix the cause.",
                e);
        }
    }
}
