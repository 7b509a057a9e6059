using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Snapshots;

/// <summary>Decides which disks a set holds.</summary>
internal static class SnapshotDisks
{
    /// <summary>
    /// The requested disks, or all. A disk that cannot be snapshotted is left out with a verbose message if it was requested by a wildcard or by
    /// default, and with a warning if it is one of several listed ones; if it is the only requested one, this is an error.
    /// </summary>
    public static IReadOnlyList<SnapshotTarget> Choose(
        MethodRegistry methods, VmDomain domain, SnapshotRequest request, StorageProbe storage, IRunReporter reporter)
    {
        var chosen = new Dictionary<string, SnapshotTarget>(StringComparer.Ordinal);
        if (request.Disks.Count == 0)
        {
            AddAll(domain.Disks.Where(disk => IsIncludedByDefault(disk, reporter)), request.Method, leaveOut: reporter.Verbose);
        }

        foreach (var selector in request.Disks)
        {
            AddAll(
                selector.Match(domain),
                request.Method ?? selector.Method,
                leaveOut: selector.IsPattern ? reporter.Verbose : selector.IsOneOfMany ? reporter.Warning : null);
        }

        return chosen.Count > 0
            ? [.. chosen.Values]
            : throw new VirtSnapshotException(
                FailureKind.ObjectNotFound,
                "NoDiskToSnapshot",
                domain,
                $"Domain '{domain.Name}' has no requested disk that can be snapshotted. -Verbose shows what was left out and why.");

        void AddAll(IEnumerable<VmDisk> disks, DiskSnapshotMethod? method, Action<string>? leaveOut)
        {
            foreach (var disk in disks)
            {
                if (disk.WhyNotSnapshottable() is not { } why)
                {
                    chosen[disk.Target] = methods.Select(new DiskContext(domain, disk, storage), method);
                }
                else if (leaveOut is null)
                {
                    throw new VirtSnapshotException(
                        FailureKind.InvalidOperation,
                        "DiskNotSnapshottable",
                        disk,
                        $"Disk '{disk.Target}' of domain '{domain.Name}' cannot be snapshotted: {why}. Nothing was touched.");
                }
                else
                {
                    leaveOut($"{disk} is left out: {why}.");
                }
            }
        }
    }

    private static bool IsIncludedByDefault(VmDisk disk, IRunReporter reporter)
    {
        if (disk.IsLeftOutByDefault)
        {
            reporter.Verbose($"{disk} is left out: its definition has snapshot='no'.");
        }

        return !disk.IsLeftOutByDefault;
    }
}
