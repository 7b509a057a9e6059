namespace VirtSnapshot.Storage;

/// <summary>What kind of layer it is, from the guest's disk down.</summary>
public enum StorageLevel
{
    /// <summary>The image: its format, and the images it stands on.</summary>
    Image,

    /// <summary>The file system that holds the image's file.</summary>
    FileSystem,

    /// <summary>A block device: a logical volume, a zvol, an array, a partition, a whole drive.</summary>
    Device,

    /// <summary>A server that the hypervisor reads from itself: rbd, nbd, iscsi …</summary>
    Network,
}
