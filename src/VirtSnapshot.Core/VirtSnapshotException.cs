namespace VirtSnapshot;

/// <summary>One clear error: what failed, on which object, and what to do about it.</summary>
public sealed class VirtSnapshotException(
    FailureKind kind, string errorId, object? target, string message, Exception? inner = null)
    : Exception(message, inner)
{
    /// <summary>The sort of failure.</summary>
    public FailureKind Kind { get; } = kind;

    /// <summary>A name that scripts can rely on; never changes once published.</summary>
    public string ErrorId { get; } = errorId;

    /// <summary>The object it is about: a name, a <see cref="Domains.VmDomain"/>, a <see cref="Domains.VmDisk"/>.</summary>
    public object? TargetObject { get; } = target;
}
