namespace VirtSnapshot.Hosts;

/// <summary>What <c>statx(2)</c> says of a file. Size in bytes.</summary>
internal sealed record FileFacts(ulong Device, ulong Inode, ushort Mode, uint Owner, uint Group, ulong Size, ulong RawDevice)
{
    private const ushort TypeMask = 0xF000;
    private const ushort RegularFile = 0x8000;
    private const ushort BlockDevice = 0x6000;
    private const ushort Directory = 0x4000;

    public bool IsRegularFile => (Mode & TypeMask) == RegularFile;

    public bool IsBlockDevice => (Mode & TypeMask) == BlockDevice;

    public bool IsDirectory => (Mode & TypeMask) == Directory;

    /// <summary>What is the same under every name. A block device may have many nodes: libvirt makes one in each QEMU's own /dev.</summary>
    public (ulong Device, ulong Inode) Identity => IsBlockDevice ? (ulong.MaxValue, RawDevice) : (Device, Inode);

    public bool IsSameFileAs(FileFacts other) => Identity == other.Identity;
}
