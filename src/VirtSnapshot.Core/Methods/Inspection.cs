namespace VirtSnapshot.Methods;

/// <summary>What a method found of a snapshot.</summary>
public sealed record Inspection(SnapshotState State, double? UsagePercent = null, bool IsHidden = false)
{
    /// <summary>Whether its data can be read and is what was taken.</summary>
    public SnapshotState State { get; internal init; } = State;

    /// <summary>
    /// How much of the COW space that was set aside for an available snapshot is used, in percent; null where it has none of its own, and where that cannot
    /// be read.
    /// </summary>
    public double? UsagePercent { get; internal init; } = UsagePercent;

    /// <summary>
    /// Whether a snapshot that is missing where its record says exists all the same: not mounted, or not active, as after a restart of the host.
    /// </summary>
    public bool IsHidden { get; internal init; } = IsHidden;
}
