namespace VirtSnapshot.Snapshots;

/// <summary>Whether overlays take the guest's writes while slow snapshots are made, so that the guest need not wait for them.</summary>
public enum ShieldUse
{
    /// <summary>For methods that are slow, and for sets that mix methods.</summary>
    WhereNeeded,

    /// <summary>For all methods that have no overlay of their own.</summary>
    Always,

    /// <summary>Never: the guest waits.</summary>
    Never,
}
