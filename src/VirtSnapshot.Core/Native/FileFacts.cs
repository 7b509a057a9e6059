using System.Globalization;

namespace VirtSnapshot.Native;

/// <summary>The attributes of a file as <c>statx(2)</c> reports them. Size in bytes.</summary>
public sealed record FileFacts(ulong Device, ulong Inode, ushort Mode, uint Owner, uint Group, ulong Size, ulong RawDevice)
{
    /// <summary>The device number of its file system: the major number in the upper 32 bits.</summary>
    public ulong Device { get; internal init; } = Device;

    /// <summary>Its inode number.</summary>
    public ulong Inode { get; internal init; } = Inode;

    /// <summary>Type and permissions, as <c>st_mode</c>.</summary>
    public ushort Mode { get; internal init; } = Mode;

    /// <summary>The user id of its owner.</summary>
    public uint Owner { get; internal init; } = Owner;

    /// <summary>The group id.</summary>
    public uint Group { get; internal init; } = Group;

    /// <summary>Bytes.</summary>
    public ulong Size { get; internal init; } = Size;

    /// <summary>The device number of a device node: the major number in the upper 32 bits.</summary>
    public ulong RawDevice { get; internal init; } = RawDevice;

    /// <summary>The format for <c>stat -c</c> whose output <see cref="Parse"/> reads.</summary>
    internal const string StatFormat = "%d %i %f %u %g %s %t %T";

    private const ushort TypeMask = 0xF000;
    private const ushort RegularFile = 0x8000;
    private const ushort Link = 0xA000;
    private const ushort BlockDevice = 0x6000;
    private const ushort Directory = 0x4000;

    /// <summary>Whether it is a regular file.</summary>
    public bool IsRegularFile => (Mode & TypeMask) == RegularFile;

    /// <summary>Whether it is a symbolic link.</summary>
    public bool IsLink => (Mode & TypeMask) == Link;

    /// <summary>Whether it is a block device.</summary>
    public bool IsBlockDevice => (Mode & TypeMask) == BlockDevice;

    /// <summary>Whether it is a directory.</summary>
    public bool IsDirectory => (Mode & TypeMask) == Directory;

    /// <summary>The same for all names of a file. A block device may have many nodes: libvirt makes one in the private /dev of each QEMU.</summary>
    public (ulong Device, ulong Inode) Identity => IsBlockDevice ? (ulong.MaxValue, RawDevice) : (Device, Inode);

    /// <summary>Parses the output of <c>stat</c> with <see cref="StatFormat"/>.</summary>
    /// <exception cref="IOException">The text has another format.</exception>
    internal static FileFacts Parse(string text) => TryParse(text) ?? throw new IOException($"The output of 'stat' cannot be parsed: '{text}'");

    /// <summary>As <see cref="Parse"/>; null if the text has another format.</summary>
    internal static FileFacts? TryParse(string text) =>
        text.Split(' ') is [var device, var inode, var mode, var owner, var group, var size, var major, var minor]
        && Number(device) is { } packed
        && Number(inode) is { } number
        && ushort.TryParse(mode, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var bits)
        && uint.TryParse(owner, NumberStyles.None, CultureInfo.InvariantCulture, out var user)
        && uint.TryParse(group, NumberStyles.None, CultureInfo.InvariantCulture, out var users)
        && Number(size) is { } bytes
        && RawDeviceOf(major, minor) is { } raw
            ? new FileFacts(DeviceOf(packed), number, bits, user, users, bytes, raw)
            : null;

    /// <summary>A number as the host's programs print it; null if the text is not a number.</summary>
    internal static ulong? Number(string text) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>A hexadecimal major and minor number, combined into one number; null if one of them is invalid.</summary>
    internal static ulong? RawDeviceOf(string major, string minor) =>
        uint.TryParse(major, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var first)
        && uint.TryParse(minor, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var second)
            ? ((ulong)first << 32) | second
            : null;

    /// <summary>Converts a device number in the C library's encoding: the major number in the upper 32 bits, the minor number in the lower.</summary>
    internal static ulong DeviceOf(ulong packed) =>
        ((((packed >> 8) & 0xfff) | ((packed >> 32) & 0xfffff000)) << 32) | (packed & 0xff) | ((packed >> 12) & 0xffffff00);

    /// <summary>Whether both are of the same file, by whatever names.</summary>
    public bool IsSameFileAs(FileFacts other) => Identity == other.Identity;
}
