namespace VirtSnapshot.Methods.Volumes;

/// <summary>What a storage method snapshots as a whole: a logical volume, a subvolume, a dataset, a file.</summary>
/// <param name="Name">As its own tools name it: <c>vg/lv</c>, <c>tank/vms</c>, a path.</param>
/// <param name="Root">The directory that its files are seen under, all links resolved; null where the volume itself is the disk.</param>
internal sealed record Volume(string Name, string? Root);
