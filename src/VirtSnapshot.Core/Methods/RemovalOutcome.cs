using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods;

/// <summary>How removing one disk's snapshot went.</summary>
/// <param name="Record">What was to be removed.</param>
/// <param name="OldSource">Where others' backup sources may have pointed to; null if nothing moves.</param>
/// <param name="NewSource">Where the same data is found from now on.</param>
/// <param name="Failure">Why it was not removed; null when it was.</param>
internal sealed record RemovalOutcome(SnapshotRecord Record, DiskSource? OldSource, DiskSource? NewSource, RemovalFailure? Failure);
