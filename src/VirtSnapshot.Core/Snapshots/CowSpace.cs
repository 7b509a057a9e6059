namespace VirtSnapshot.Snapshots;

/// <summary>The room that a snapshot is kept in, where that can run out.</summary>
internal static class CowSpace
{
    /// <summary>From here on the user should hear of it, in percent.</summary>
    internal const double NearlyFullPercent = 80;

    /// <summary>What to tell the user about a snapshot whose room is nearly full; null where it is not.</summary>
    public static string? FindWarning(DiskSnapshot snapshot) => snapshot.FillPercent >= NearlyFullPercent
        ? FormattableString.Invariant($"The room that snapshot '{snapshot.Name}' of disk '{snapshot.Disk}' of domain '{snapshot.Domain}' is kept in is {snapshot.FillPercent:0.#} % full. ")
            + "When it is full the snapshot is lost, and every volume of a thin pool stops: extend it ('lvextend'), or remove the snapshot soon."
        : null;
}
