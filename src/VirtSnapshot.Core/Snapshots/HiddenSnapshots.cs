using VirtSnapshot.Methods;

namespace VirtSnapshot.Snapshots;

/// <summary>
/// Recorded snapshots that exist, but are not readable at their recorded paths, such as unmounted or inactive ones after a reboot of the host.
/// </summary>
internal static class HiddenSnapshots
{
    /// <returns>None where nothing is recorded; then there is no query.</returns>
    /// <exception cref="VirtSnapshotException">They cannot be read.</exception>
    public static IReadOnlyList<(SnapshotName Name, SnapshotRecord Record)> Find(
        MethodRegistry methods, MethodRequest request) => request.Host.WhyNoShell is not null
        ? []
        :
        [
            .. RecordProof.Own(methods, request, SnapshotCatalog.ReadDisks(request.Domain))
                .Select(record => (record.Set!.Name, Record: record))
                .Where(found => methods.TryFind(found.Record.Method)?.Inspect(request, found.Record).IsHidden == true),
        ];

    /// <summary>Makes them readable again, and returns the outcome of each.</summary>
    public static RepairResult Expose(MethodRegistry methods, MethodRequest request, IReadOnlyList<(SnapshotName Name, SnapshotRecord Record)> hidden)
    {
        var action = RepairAction.Exposed;
        var details = new List<string>();
        foreach (var (name, record) in hidden)
        {
            try
            {
                methods.Find(record.Method, request.Domain).Expose(request, record);
                details.Add($"Disk '{record.Target}': snapshot '{name}' can be read again at '{record.Source}'.");
            }
            catch (VirtSnapshotException e)
            {
                action = RepairAction.Incomplete;
                details.Add(e.Message);
            }
        }

        return new RepairResult(request.Domain.Name, action, details, request.Domain.Uri);
    }
}
