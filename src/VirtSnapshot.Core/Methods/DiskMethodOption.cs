using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods;

/// <summary>What one method could do for a disk, or why it cannot.</summary>
public sealed record DiskMethodOption(
    string Domain, string Disk, string? Method, StorageLevel? Level, bool IsChosen, bool CanServe, string Reason, string Uri)
{
    /// <summary>The domain's name.</summary>
    public string Domain { get; } = Domain;

    /// <summary>The disk's target.</summary>
    public string Disk { get; } = Disk;

    /// <summary>The method; null where the disk is of a kind that none can snapshot.</summary>
    public string? Method { get; } = Method;

    /// <summary>The level of the storage stack that it works at; null where there is no such method.</summary>
    public StorageLevel? Level { get; } = Level;

    /// <summary>Whether it is the one that a snapshot would use if nothing else is asked for.</summary>
    public bool IsChosen { get; } = IsChosen;

    /// <summary>Whether it can snapshot the disk.</summary>
    public bool CanServe { get; } = CanServe;

    /// <summary>What it would do, or why not.</summary>
    public string Reason { get; } = Reason;

    /// <summary>The libvirt URI.</summary>
    public string Uri { get; } = Uri;
}
