namespace VirtSnapshot.Domains;

/// <summary>What kind of thing a disk's data lies in: the <c>type</c> of libvirt's <c>&lt;disk&gt;</c>.</summary>
public enum DiskSourceType
{
    /// <summary>Nothing (an empty drive), or a kind that libvirt has added since.</summary>
    None,

    /// <summary>An image file.</summary>
    File,

    /// <summary>A block device of the host.</summary>
    Block,

    /// <summary>A folder that is shown as a file system.</summary>
    Dir,

    /// <summary>A network protocol, such as rbd, nbd or iscsi.</summary>
    Network,

    /// <summary>A volume of one of libvirt's storage pools.</summary>
    Volume,
}
