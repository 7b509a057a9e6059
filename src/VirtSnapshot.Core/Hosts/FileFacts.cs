using System.Globalization;

namespace VirtSnapshot.Hosts;

/// <summary>What <c>statx(2)</c> says of a file. Size in bytes.</summary>
internal sealed record FileFacts(ulong Device, ulong Inode, ushort Mode, uint Owner, uint Group, ulong Size, ulong RawDevice)
{
    /// <summary>What <c>stat -c</c> is to print for <see cref="Parse"/>.</summary>
    public const string StatFormat = "%d %i %f %u %g %s %t %T";

    private const ushort TypeMask = 0xF000;
    private const ushort RegularFile = 0x8000;
    private const ushort Link = 0xA000;
    private const ushort BlockDevice = 0x6000;
    private const ushort Directory = 0x4000;

    public bool IsRegularFile => (Mode & TypeMask) == RegularFile;

    public bool IsLink => (Mode & TypeMask) == Link;

    public bool IsBlockDevice => (Mode & TypeMask) == BlockDevice;

    public bool IsDirectory => (Mode & TypeMask) == Directory;

    /// <summary>What is the same under every name. A block device may have many nodes: libvirt makes one in each QEMU's own /dev.</summary>
    public (ulong Device, ulong Inode) Identity => IsBlockDevice ? (ulong.MaxValue, RawDevice) : (Device, Inode);

    /// <summary>Reads what <c>stat</c> prints, told <see cref="StatFormat"/>.</summary>
    public static FileFacts Parse(string text)
    {
        var fields = text.Split(' ');
        return new FileFacts(
            DeviceOf(ulong.Parse(fields[0], CultureInfo.InvariantCulture)),
            ulong.Parse(fields[1], CultureInfo.InvariantCulture),
            ushort.Parse(fields[2], NumberStyles.HexNumber, CultureInfo.InvariantCulture),
            uint.Parse(fields[3], CultureInfo.InvariantCulture),
            uint.Parse(fields[4], CultureInfo.InvariantCulture),
            ulong.Parse(fields[5], CultureInfo.InvariantCulture),
            RawDeviceOf(fields[6], fields[7]));
    }

    /// <summary>Major and minor number in hexadecimal, as one number.</summary>
    public static ulong RawDeviceOf(string major, string minor) =>
        (ulong.Parse(major, NumberStyles.HexNumber, CultureInfo.InvariantCulture) << 32)
        | ulong.Parse(minor, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    /// <summary>A file system's device number as the C library packs it, as major and minor number side by side.</summary>
    public static ulong DeviceOf(ulong packed) =>
        ((((packed >> 8) & 0xfff) | ((packed >> 32) & 0xfffff000)) << 32) | (packed & 0xff) | ((packed >> 12) & 0xffffff00);

    public bool IsSameFileAs(FileFacts other) => Identity == other.Identity;
}
