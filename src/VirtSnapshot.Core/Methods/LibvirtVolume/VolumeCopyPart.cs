using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods.LibvirtVolume;

/// <summary>One disk's part in a set.</summary>
/// <param name="Disk">The disk.</param>
/// <param name="Volume">Its volume.</param>
/// <param name="Copy">What is made of it.</param>
/// <param name="Room">Of an LVM snapshot: the bytes that may be written over while it exists.</param>
internal sealed record VolumeCopyPart(VmDisk Disk, PoolVolume Volume, VolumeCopy Copy, long Room);
