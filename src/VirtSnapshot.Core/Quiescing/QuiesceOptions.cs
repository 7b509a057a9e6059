namespace VirtSnapshot.Quiescing;

/// <summary>How a run quiesces the guest's file systems.</summary>
public sealed record QuiesceOptions
{
    /// <param name="quiescence">Whether the guest is frozen.</param>
    /// <param name="freezeTimeout">The maximum duration of the freeze; null for 30 seconds.</param>
    /// <param name="mountPoints">The mount points to freeze; null for all.</param>
    public QuiesceOptions(
        Quiescence quiescence = Quiescence.WherePossible, TimeSpan? freezeTimeout = null, IReadOnlyList<string>? mountPoints = null)
    {
        Quiescence = quiescence;
        FreezeTimeout = freezeTimeout ?? TimeSpan.FromSeconds(30);
        MountPoints = mountPoints ?? [];
    }

    /// <summary>Whether the guest is frozen.</summary>
    public Quiescence Quiescence { get; internal init; }

    /// <summary>The maximum duration of the freeze, and the timeout of the guest agent.</summary>
    public TimeSpan FreezeTimeout { get; internal init; }

    /// <summary>The mount points to freeze; all if it is empty.</summary>
    public IReadOnlyList<string> MountPoints { get; internal init; }

    /// <summary>The time limit for switching a frozen guest's disks, in addition to a part for each disk; null for the default. For emulated hosts.</summary>
    internal TimeSpan? SwitchTime { get; init; }
}

/// <summary>Whether a run freezes the guest.</summary>
public enum Quiescence
{
    /// <summary>Freeze if the agent responds; otherwise continue with a warning.</summary>
    WherePossible,

    /// <summary>Freeze, or fail before anything is touched (the RFC's <c>QUIESCE_REQUIRED</c>).</summary>
    Required,

    /// <summary>Do not use the agent.</summary>
    None,
}
