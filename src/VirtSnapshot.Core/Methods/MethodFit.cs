using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods;

/// <summary>Whether a method can snapshot a disk, and why.</summary>
public sealed record MethodFit(MethodRank Rank, string Reason, StorageLevel? Level = null, object? Finding = null)
{
    /// <summary>How well.</summary>
    public MethodRank Rank { get; internal init; } = Rank;

    /// <summary>Why, as the end of a sentence about the disk.</summary>
    public string Reason { get; internal init; } = Reason;

    /// <summary>Where in the stack it would work; null where that is the method's usual level.</summary>
    public StorageLevel? Level { get; internal init; } = Level;

    /// <summary>What the probe found, for the method's own plan: nothing is probed twice. The engine does not look into it.</summary>
    public object? Finding { get; internal init; } = Finding;

    /// <summary>Whether it can snapshot the disk.</summary>
    public bool CanServe => Rank != MethodRank.Impossible;

    /// <summary>It cannot, and why, as the end of a sentence about the disk.</summary>
    public static MethodFit Impossible(string reason) => new(MethodRank.Impossible, reason);
}

/// <summary>How well a method suits a disk.</summary>
public enum MethodRank
{
    /// <summary>It cannot snapshot it.</summary>
    Impossible,

    /// <summary>It can, when it is asked to.</summary>
    Possible,

    /// <summary>It is what the disk gets when no method is made for it.</summary>
    Fallback,

    /// <summary>The default for this kind of disk.</summary>
    Default,
}
