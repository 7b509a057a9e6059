namespace VirtSnapshot.Hosts;

/// <summary>What <c>statx(2)</c> says of a file. Size in bytes.</summary>
internal sealed record FileFacts(ulong Device, ulong Inode, ushort Mode, uint Owner, uint Group, ulong Size)
{
    private const ushort TypeMask = 0xF000;
    private const ushort RegularFile = 0x8000;
    private const ushort BlockDevice = 0x6000;
    private const ushort Directory = 0x4000;

    public bool IsRegularFile => (Mode & TypeMask) == RegularFile;

    public bool IsBlockDevice => (Mode & TypeMask) == BlockDevice;

    public bool IsDirectory => (Mode & TypeMask) == Directory;

    public bool IsSameFileAs(FileFacts other) => Device == other.Device && Inode == other.Inode;
}
