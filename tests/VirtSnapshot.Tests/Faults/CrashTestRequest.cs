using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.Tests.Faults;

/// <summary>What a crash-test process does, and where it ends.</summary>
internal sealed record CrashTestRequest
{
    /// <summary>What is run.</summary>
    public required CrashTestWork Work { get; init; }

    public string Uri { get; init; } = "";

    public string Domain { get; init; } = "";

    /// <summary>The snapshot that is taken or removed.</summary>
    public string Name { get; init; } = "fault";

    /// <summary>The method that takes it; the disks' own where it is null.</summary>
    public string? Method { get; init; }

    /// <summary>The step at which it happens; never where it is null.</summary>
    public RunStep? Step { get; init; }

    /// <summary>The how-manieth time that it comes to that step.</summary>
    public int Occurrence { get; init; } = 1;

    /// <summary>What happens at that step.</summary>
    public CrashTestEnd End { get; init; } = CrashTestEnd.Killed;

    /// <summary>How long after the step a <see cref="CrashTestEnd.KilledLater"/> comes, in milliseconds.</summary>
    public int DelayMilliseconds { get; init; }

    public Quiescence Quiescence { get; init; } = Quiescence.Required;

    public int FreezeSeconds { get; init; } = 30;

    public ulong Bandwidth { get; init; }

    /// <summary>Whether it has taken and removed a snapshot before, so that its guard was made ahead.</summary>
    public bool IsWarm { get; init; }

    /// <summary>Takes it by <see cref="Lab.CopyMethod"/>, which needs so long.</summary>
    public int? CopySeconds { get; init; }

    /// <summary>What a repair does with detached overlays.</summary>
    public DetachedOverlay? Detached { get; init; }

    /// <summary>Whether a restore brings back the firmware's state.</summary>
    public bool IncludesFirmware { get; init; }

    /// <summary>Whether somebody else thaws the guest in the freeze window.</summary>
    public bool IsThawedByOthers { get; init; }
}

internal enum CrashTestWork
{
    Snapshot,
    Removal,
    Restore,
    Repair,
}

internal enum CrashTestEnd
{
    /// <summary>kill -9 by its own hand, at once.</summary>
    Killed,

    /// <summary>kill -9 by its own hand, some time later, whatever it is doing then.</summary>
    KilledLater,

    /// <summary>SIGSTOP by its own hand.</summary>
    Stopped,

    /// <summary>Says so, and waits for a line before it goes on.</summary>
    Waits,
}
