namespace VirtSnapshot.Methods;

/// <summary>How well a method suits a disk.</summary>
public enum MethodRank
{
    /// <summary>It cannot snapshot it.</summary>
    Impossible,

    /// <summary>It can, when it is asked to.</summary>
    Possible,

    /// <summary>It is what the disk gets when no method is made for it.</summary>
    Fallback,

    /// <summary>It is what this kind of disk gets when nobody says otherwise.</summary>
    Default,
}
