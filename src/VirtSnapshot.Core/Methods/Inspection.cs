namespace VirtSnapshot.Methods;

/// <summary>What a method found of a snapshot.</summary>
/// <param name="State">Whether its data can be read and is what was taken.</param>
/// <param name="UsagePercent">
/// How much of the COW space that was set aside for an available snapshot is used, in percent; null where it has none of its own, and where that cannot be read.
/// </param>
/// <param name="IsHidden">
/// Whether a snapshot that is missing where its record says exists all the same: not mounted, or not active, as after a restart of the host.
/// </param>
internal sealed record Inspection(SnapshotState State, double? UsagePercent = null, bool IsHidden = false);
