namespace VirtSnapshot.Methods;

/// <summary>The names under which storage keeps what is ours: the set's name, and a part that is random.</summary>
internal static class SnapshotLabel
{
    private const string Mark = "virtsnapshot-";

    public static string Of(SnapshotOrder order) => $"{Mark}{order.Name}-{order.Group.ToString("N")[..8]}";

    /// <summary>
    /// Records are kept with the domain, where others can write as well: one that names anything else must not make us delete it.
    /// </summary>
    /// <exception cref="VirtSnapshotException"><c>SnapshotNotOurs</c></exception>
    public static void RequireOurs(string name, object snapshot)
    {
        if (!name.StartsWith(Mark, StringComparison.Ordinal))
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "SnapshotNotOurs",
                snapshot,
                $"'{snapshot}' is recorded as a snapshot, but its name is none that we give, so it is not touched: "
                + "it may hold somebody else's data.");
        }
    }
}
