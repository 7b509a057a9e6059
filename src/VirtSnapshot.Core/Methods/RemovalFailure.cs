namespace VirtSnapshot.Methods;

/// <summary>Why a disk's snapshot was not removed.</summary>
/// <param name="Error">What the user is told.</param>
/// <param name="HadBegun">Whether data may have been moved already, so that the backup source is not to be trusted any more.</param>
internal sealed record RemovalFailure(VirtSnapshotException Error, bool HadBegun);
