using VirtSnapshot.Methods;

namespace VirtSnapshot.Snapshots;

/// <summary>Recorded snapshots that are there, but cannot be read where their records say: what was mounted or active is so no more after the host was started again.</summary>
internal static class HiddenSnapshots
{
    /// <returns>None where nothing is recorded; then nobody is asked.</returns>
    /// <exception cref="VirtSnapshotException">They cannot be looked at.</exception>
    public static IReadOnlyList<(SnapshotName Name, RecordedDisk Record)> Find(RecordOrder order) => order.Host.WhyNoShell is not null
        ? []
        :
        [
            .. RecordProof.Own(order, SnapshotCatalog.ReadDisks(order.Domain))
                .Select(record => (record.Set!.Name, Record: record))
                .Where(found => MethodCatalog.Selector.Providers.FirstOrDefault(provider => provider.Method == found.Record.Method)?.IsHidden(order, found.Record) == true),
        ];

    /// <summary>Makes them readable again, and says of each how it went.</summary>
    public static RepairResult Expose(RecordOrder order, IReadOnlyList<(SnapshotName Name, RecordedDisk Record)> hidden)
    {
        var action = RepairAction.Exposed;
        var details = new List<string>();
        foreach (var (name, record) in hidden)
        {
            try
            {
                MethodCatalog.Selector.Find(record.Method, order.Domain).Expose(order, record);
                details.Add($"Disk '{record.Target}': snapshot '{name}' can be read again at '{record.Source}'.");
            }
            catch (VirtSnapshotException e)
            {
                action = RepairAction.Incomplete;
                details.Add(e.Message);
            }
        }

        return new RepairResult(order.Domain.Name, action, details, order.Domain.Uri);
    }
}
