using VirtSnapshot.Hosts;

namespace VirtSnapshot.Storage;

/// <summary>
/// The file attribute <c>C</c> of btrfs (<c>chattr</c>, "NOCOW"): blocks are overwritten in place, without checksums. libvirt sets it on the pools that it
/// builds.
/// </summary>
internal static class CopyOnWrite
{
    /// <summary>Whether copy-on-write is off for a file, or for new files in a directory.</summary>
    public static bool IsOff(IHost host, string path)
    {
        var result = host.RunAsRoot("lsattr", ["-d", "--", path]);
        return result.Succeeded && result.Output.TakeWhile(c => c != ' ').Contains('C');
    }
}
