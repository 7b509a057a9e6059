namespace VirtSnapshot.Snapshots;

/// <summary>What is done with overlays that hold a disk's newest data and that the disk does not use, as after <c>virsh define</c> of an old XML.</summary>
public enum DetachedOverlay
{
    /// <summary>The disk of a shut-off domain goes on with them, if what they stand on has not changed since.</summary>
    Reattach,

    /// <summary>They get names under which nothing looks for them, and the disk goes on without them.</summary>
    KeepAside,
}
