namespace VirtSnapshot.Quiescing;

/// <summary>How a run treats the guest's file systems.</summary>
public sealed record QuiesceOptions
{
    /// <param name="quiescence">What is asked of the agent.</param>
    /// <param name="freezeTimeout">How long the guest may be frozen at most; null for 30 seconds.</param>
    /// <param name="mountPoints">Freeze only these of the guest's mount points; null for all.</param>
    public QuiesceOptions(
        Quiescence quiescence = Quiescence.WherePossible, TimeSpan? freezeTimeout = null, IReadOnlyList<string>? mountPoints = null)
    {
        Quiescence = quiescence;
        FreezeTimeout = freezeTimeout ?? TimeSpan.FromSeconds(30);
        MountPoints = mountPoints ?? [];
    }

    /// <summary>What is asked of the agent.</summary>
    public Quiescence Quiescence { get; internal init; }

    /// <summary>How long the guest may be frozen at most, and how long an answer of its agent is waited for.</summary>
    public TimeSpan FreezeTimeout { get; internal init; }

    /// <summary>Freeze only these of the guest's mount points; all where it is empty.</summary>
    public IReadOnlyList<string> MountPoints { get; internal init; }

    /// <summary>How long libvirt may take to switch a frozen guest's disks, beside a part for each disk; null for the usual time. For emulated hosts.</summary>
    internal TimeSpan? SwitchTime { get; init; }
}

/// <summary>What the caller asks of the guest agent.</summary>
public enum Quiescence
{
    /// <summary>Freeze where an agent answers; where none does, go on and say so.</summary>
    WherePossible,

    /// <summary>Freeze, or fail before anything is touched (the RFC's <c>QUIESCE_REQUIRED</c>).</summary>
    Required,

    /// <summary>Leave the agent alone.</summary>
    None,
}
