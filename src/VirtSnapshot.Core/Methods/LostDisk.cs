namespace VirtSnapshot.Methods;

/// <summary>
/// A snapshot that storage proves to be this disk's, though the domain's record of it, or the disk's way to its newest data, may be lost: as after <c>virsh
/// define</c> of an old XML.
/// </summary>
/// <param name="Record">What its record says, or would say.</param>
/// <param name="File">The file that holds what was written since.</param>
/// <param name="TakenAt">When it was taken, as far as the storage knows.</param>
/// <param name="IsInChain">Whether the disk uses the data written since; else that is missing from the disk.</param>
/// <param name="WhyUseless">Why the disk as it is cannot go on with it, as the end of a sentence; null where it can.</param>
internal sealed record LostDisk(SnapshotRecord Record, string File, DateTimeOffset TakenAt, bool IsInChain, string? WhyUseless = null);
