namespace VirtSnapshot.Domains;

/// <summary>The kind of a disk's source: the <c>type</c> of libvirt's <c>&lt;disk&gt;</c>.</summary>
public enum DiskSourceType
{
    /// <summary>No source (an empty drive), or a type that this version does not know.</summary>
    None,

    /// <summary>An image file.</summary>
    File,

    /// <summary>A block device of the host.</summary>
    Block,

    /// <summary>A folder that the guest sees as a file system.</summary>
    Dir,

    /// <summary>A network protocol, such as rbd, nbd or iscsi.</summary>
    Network,

    /// <summary>A volume of a libvirt storage pool.</summary>
    Volume,
}
