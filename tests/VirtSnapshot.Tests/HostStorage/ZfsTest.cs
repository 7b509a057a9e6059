using VirtSnapshot.Tests.Lab;

namespace VirtSnapshot.Tests.HostStorage;

/// <summary>What the tests of ZFS share: datasets and zvols of the lab host.</summary>
public abstract class ZfsTest(LabHost host) : HostStorageTest(host)
{
    /// <summary>A dataset with a blank in its name.</summary>
    /// <returns>Its name; it is mounted at <c>/srv/zfs</c>, without the <c>tank/vms</c>.</returns>
    protected string Dataset(string options = "atime=off")
    {
        var name = $"tank/vms/{Host.NewName("with blank")}";
        Host.Run("zfs", "create", "-o", options, name);
        Afterwards("zfs", "destroy", "-r", name);
        return name;
    }

    protected static string FolderOf(string dataset) => dataset.Replace("tank/vms/", "/srv/zfs/", StringComparison.Ordinal);

    /// <summary>A zvol with a blank in its name.</summary>
    protected string Zvol(string pool = "tank", bool isSparse = true, string size = "64M")
    {
        var name = $"{pool}/{Host.NewName("vol ume")}";
        Host.Run("sh", "-ec", "zfs create $1 -V \"$2\" \"$3\"; until [ -b \"$4\" ]; do sleep 0.1; done", "sh", isSparse ? "-s" : "", size, name, NodeOf(name));
        Afterwards("zfs", "destroy", "-r", name);
        return name;
    }

    protected static string NodeOf(string zvol) => $"/dev/zvol/{zvol.Replace(' ', '+')}";

    /// <summary>A pool of 256 MiB on a logical volume.</summary>
    protected string Pool()
    {
        var volume = Host.NewName("pool");
        var device = Host.MakeStorage("thick", volume, "256M");
        Afterwards("lvremove", "-fy", device);
        var pool = volume.Replace('-', '_');
        Host.Run("zpool", "create", "-m", $"/srv/{pool}", pool, device);
        Afterwards("zpool", "destroy", "-f", pool);
        return pool;
    }

    /// <summary>Snapshots in all pools, and clones of them.</summary>
    protected override IReadOnlyList<string> Ours() =>
    [
        .. Host.Run("sh", "-ec", "zfs list -H -t all -o name; cat /proc/self/mountinfo")
            .Split('\n').Where(line => line.Contains("virtsnapshot", StringComparison.Ordinal)),
    ];
}
