namespace VirtSnapshot.Methods.Volumes;

/// <summary>One volume's part in a set.</summary>
/// <param name="Snapshot">Its snapshot.</param>
/// <param name="Disks">The disks that it serves.</param>
/// <param name="IsSlow">Whether taking it may last.</param>
internal sealed record VolumePart(VolumeSnapshot Snapshot, IReadOnlyList<DiskContext> Disks, bool IsSlow);
