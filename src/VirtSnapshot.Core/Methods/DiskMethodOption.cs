using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods;

/// <summary>What one method could do for a disk, or why it cannot.</summary>
/// <param name="Domain">The domain's name.</param>
/// <param name="Disk">The disk's target.</param>
/// <param name="Method">The method; null where the disk is of a kind that none can snapshot.</param>
/// <param name="Level">The level of the storage stack that it works at; null where there is no such method.</param>
/// <param name="IsChosen">Whether it is the one that a snapshot would use if nothing else is asked for.</param>
/// <param name="CanServe">Whether it can snapshot the disk.</param>
/// <param name="Reason">What it would do, or why not.</param>
/// <param name="Uri">The libvirt URI.</param>
public sealed record DiskMethodOption(
    string Domain, string Disk, string? Method, StorageLevel? Level, bool IsChosen, bool CanServe, string Reason, string Uri);
