using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods.Qemu;

/// <summary>Whether libvirt supports a number of overlays on one disk.</summary>
internal enum ChainVerdict
{
    /// <summary>Supported.</summary>
    Fine,

    /// <summary>Supported, but near the limit.</summary>
    NearLimit,

    /// <summary>This libvirt has no limit; newer versions have one, and it is exceeded.</summary>
    TooDeepAfterUpgrade,

    /// <summary>Not supported: the guest would be lost.</summary>
    TooDeep,
}

/// <summary>
/// How many overlays a disk may have. QEMU describes a backing chain as nested JSON, whose depth libvirt 10.8 to 12.0 limits ("failed to parse JSON:
/// nesting too deep"): with 25 overlays a restart of libvirtd kills the guest, and it cannot be started again. Observed with 11.3; 9.0 works with 30.
/// </summary>
internal static class ChainDepth
{
    /// <summary>The most overlays that work with every libvirt.</summary>
    public const int Limit = 24;

    private const int WarnFrom = 16;
    private const string LimitedVersions = "libvirt 10.8 to 12.0";

    private static readonly Version FirstLimited = new(10, 8);
    private static readonly Version FirstUnlimited = new(12, 1);

    /// <summary>Refuses a new overlay where the chain would become too deep. Temporary overlays count, too: libvirtd may be restarted at any moment.</summary>
    /// <param name="request">The domain.</param>
    /// <param name="disk">The disk.</param>
    /// <param name="overlays">How many overlays the disk has with the new one.</param>
    /// <param name="warn">Reports a warning near the limit.</param>
    /// <exception cref="VirtSnapshotException"><c>ChainTooDeep</c>.</exception>
    public static void Check(MethodRequest request, VmDisk disk, int overlays, Action<string>? warn = null)
    {
        if (overlays < WarnFrom)
        {
            // The usual case needs no query for libvirt's version.
            return;
        }

        var version = request.Native.Connection.LibraryVersion;
        var chain = $"With this snapshot, disk '{disk.Target}' of domain '{request.Domain.Name}' has {overlays} overlays in its backing chain";
        var remedy = $"'Get-DiskSnapshot {request.Domain.Name} {disk.Target} | Remove-DiskSnapshot' removes all of the disk's snapshots, -Name some of them";
        switch (Probe(version, overlays))
        {
            case ChainVerdict.TooDeep:
                throw new VirtSnapshotException(
                    FailureKind.InvalidOperation,
                    "ChainTooDeep",
                    disk,
                    $"{chain}, and libvirt {version} supports at most {Limit}: with more, a restart of libvirtd kills the guest, and it cannot be "
                    + $"started again. Nothing was touched. Remove older snapshots first: {remedy}.");
            case ChainVerdict.NearLimit:
                warn?.Invoke($"{chain}, and libvirt {version} supports at most {Limit}. Remove older snapshots soon: {remedy}.");
                break;
            case ChainVerdict.TooDeepAfterUpgrade:
                warn?.Invoke(
                    $"{chain}. libvirt {version} supports that, but {LimitedVersions} supports at most {Limit}: after such an upgrade, the domain cannot "
                    + $"be started. Remove older snapshots before: {remedy}.");
                break;
        }
    }

    /// <summary>The rule.</summary>
    /// <param name="libvirt">The version of the connected libvirt.</param>
    /// <param name="overlays">The overlays of one disk.</param>
    public static ChainVerdict Probe(Version libvirt, int overlays) => overlays switch
    {
        < WarnFrom => ChainVerdict.Fine,
        _ when libvirt >= FirstUnlimited => ChainVerdict.Fine,
        <= Limit => libvirt < FirstLimited ? ChainVerdict.Fine : ChainVerdict.NearLimit,
        _ => libvirt < FirstLimited ? ChainVerdict.TooDeepAfterUpgrade : ChainVerdict.TooDeep,
    };
}
