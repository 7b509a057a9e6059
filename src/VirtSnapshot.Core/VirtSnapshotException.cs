namespace VirtSnapshot;

/// <summary>An error: what failed, on which object, why, and what to do.</summary>
public sealed class VirtSnapshotException(
    FailureKind kind, string errorId, object? target, string message, Exception? inner = null)
    : Exception(message, inner)
{
    /// <summary>The kind of failure.</summary>
    public FailureKind Kind { get; } = kind;

    /// <summary>The error id. It never changes once published.</summary>
    public string ErrorId { get; } = errorId;

    /// <summary>The object of the error: a name, a <see cref="Domains.VmDomain"/>, a <see cref="Domains.VmDisk"/>.</summary>
    public object? TargetObject { get; } = target;
}
