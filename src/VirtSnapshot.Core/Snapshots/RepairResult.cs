namespace VirtSnapshot.Snapshots;

/// <summary>What repairing a domain did.</summary>
/// <param name="Domain">The domain's name.</param>
/// <param name="Action">What was done with the unfinished run.</param>
/// <param name="Details">Each thing that was done, or had to stay, in a sentence.</param>
/// <param name="Uri">The libvirt URI.</param>
public sealed record RepairResult(string Domain, RepairAction Action, IReadOnlyList<string> Details, string Uri);
