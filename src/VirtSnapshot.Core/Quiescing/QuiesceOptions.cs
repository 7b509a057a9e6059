namespace VirtSnapshot.Quiescing;

/// <summary>How a run treats the guest's file systems.</summary>
public sealed record QuiesceOptions
{
    /// <summary>What is asked of the agent.</summary>
    public Quiescence Quiescence { get; init; } = Quiescence.WherePossible;

    /// <summary>How long the guest may be frozen at most, and how long an answer of its agent is waited for.</summary>
    public TimeSpan FreezeTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Freeze only these of the guest's mount points; all where it is empty.</summary>
    public IReadOnlyList<string> MountPoints { get; init; } = [];

    /// <summary>How long libvirt may take to switch a frozen guest's disks, beside a part for each disk; null for the usual time. For emulated hosts.</summary>
    internal TimeSpan? SwitchTime { get; init; }
}
