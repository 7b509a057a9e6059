namespace VirtSnapshot.Methods;

/// <summary>Why a disk's snapshot was not removed.</summary>
public sealed record RemovalFailure(VirtSnapshotException Error, bool HadBegun)
{
    /// <summary>What the user is told.</summary>
    public VirtSnapshotException Error { get; internal init; } = Error;

    /// <summary>Whether data may have been moved already, so that the backup source is not to be trusted any more.</summary>
    public bool HadBegun { get; internal init; } = HadBegun;
}
