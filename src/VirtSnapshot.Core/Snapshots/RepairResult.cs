namespace VirtSnapshot.Snapshots;

/// <summary>What repairing a domain did.</summary>
public sealed record RepairResult(string Domain, RepairAction Action, IReadOnlyList<string> Details, string Uri)
{
    /// <summary>The domain's name.</summary>
    public string Domain { get; } = Domain;

    /// <summary>What was done with the unfinished run.</summary>
    public RepairAction Action { get; } = Action;

    /// <summary>Each thing that was done, or had to stay, in a sentence.</summary>
    public IReadOnlyList<string> Details { get; } = Details;

    /// <summary>The libvirt URI.</summary>
    public string Uri { get; } = Uri;
}
