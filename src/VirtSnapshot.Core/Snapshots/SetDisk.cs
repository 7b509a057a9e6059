using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;

namespace VirtSnapshot.Snapshots;

/// <summary>One disk of a recorded set.</summary>
/// <param name="Record">Where its data is, and how its method finds it.</param>
/// <param name="Consistency">What the snapshot promises.</param>
/// <param name="ChangedDisk">Whether the domain's disk is another one since.</param>
internal sealed record SetDisk(SnapshotRecord Record, Consistency Consistency, bool ChangedDisk);
