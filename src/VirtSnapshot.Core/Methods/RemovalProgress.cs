namespace VirtSnapshot.Methods;

/// <summary>How far the merge of one disk is.</summary>
public sealed record RemovalProgress(string Target, ulong Done, ulong Total)
{
    /// <summary>The disk.</summary>
    public string Target { get; } = Target;

    /// <summary>Bytes poured so far.</summary>
    public ulong Done { get; } = Done;

    /// <summary>Bytes there are to pour; grows while the guest writes.</summary>
    public ulong Total { get; } = Total;
}
