using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;

namespace VirtSnapshot.Domains;

/// <summary>
/// A backup, dump, save or migration holds the domain's job lock until it ends. In libvirt every other change waits for that lock, and times out
/// after 30 seconds.
/// </summary>
internal static class DomainJobs
{
    private static readonly TimeSpan QueryTimeout = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Fails if a job is running. The query has a time limit; after it, <paramref name="native"/> and its connection are abandoned.
    /// </summary>
    /// <exception cref="VirtSnapshotException"><c>DomainJobRunning</c>.</exception>
    public static void Refuse(LibvirtDomain native, VmDomain domain, CancellationToken cancellation)
    {
        if (!domain.IsActive)
        {
            return;
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(QueryTimeout);
        try
        {
            if (InterruptibleCall.Run(native.FindDomainJob, limit.Token) is { } job)
            {
                throw Running(domain, $"{NameOf(job)} is running", "Nothing was touched.");
            }
        }
        catch (OperationCanceledException)
        {
            native.Abandon();
            cancellation.ThrowIfCancellationRequested();
            throw Running(
                domain,
                $"libvirt did not report within {QueryTimeout.TotalSeconds:0} s whether a job is running, because another call is waiting for its QEMU",
                "Nothing was touched.");
        }
        catch (LibvirtException e) when (e.Code == LibvirtErrorCode.OperationInvalid)
        {
            // It has just stopped, or it is the target of a migration, whose job can only be queried on the source.
            if (native.IsActive)
            {
                throw Running(domain, $"{NameOf(DomainJobOperation.MigrationIn)} is running", "Nothing was touched.");
            }
        }
        catch (LibvirtException e) when (e.Code is LibvirtErrorCode.NoSupport or LibvirtErrorCode.OperationUnsupported)
        {
            // This hypervisor driver has no domain jobs.
        }
    }

    /// <summary>The error for a call that timed out while it waited for the domain's job lock.</summary>
    public static VirtSnapshotException HeldLock(VmDomain domain, LibvirtException error) =>
        Running(domain, $"another job held its lock for too long ({error.Message.TrimEnd('.')})", "", error);

    private static VirtSnapshotException Running(VmDomain domain, string what, string outcome, Exception? inner = null) => new(
        FailureKind.ResourceBusy,
        "DomainJobRunning",
        domain,
        $"Domain '{domain.Name}' is busy: {what}. {outcome}{(outcome.Length > 0 ? " " : "")}"
        + $"Check the job with 'virsh domjobinfo {domain.Name}', and wait until it has ended, or abort it with 'virsh domjobabort {domain.Name}'.",
        inner);

    private static string NameOf(DomainJobOperation job) => job switch
    {
        DomainJobOperation.Start => "its start",
        DomainJobOperation.Save => "a save of its memory",
        DomainJobOperation.Restore => "its start from saved memory",
        DomainJobOperation.MigrationIn => "a migration to this host",
        DomainJobOperation.MigrationOut => "a migration to another host",
        DomainJobOperation.Snapshot => "a snapshot by libvirt",
        DomainJobOperation.SnapshotRevert => "a revert to a snapshot by libvirt",
        DomainJobOperation.SnapshotDelete => "the deletion of a snapshot by libvirt",
        DomainJobOperation.Dump => "a dump of its memory",
        DomainJobOperation.Backup => "a backup job",
        _ => "a job of libvirt",
    };
}
