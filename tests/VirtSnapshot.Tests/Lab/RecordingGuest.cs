namespace VirtSnapshot.Tests.Lab;

/// <summary>
/// A guest on the lab host that writes records to disks on all of its storage: booted once, for a boot takes an emulated host half a minute, and suspended while
/// no test needs it. Disposing of it lets it rest.
/// </summary>
public sealed class RecordingGuest : IDisposable
{
    /// <summary>On thick volumes: by itself, in files on btrfs (qcow2), ext4 and XFS, and one more by itself.</summary>
    public static readonly IReadOnlyList<string> OnThick = ["vda", "vdb", "vdc", "vdd"];

    /// <summary>On a thin volume, and in a file on one.</summary>
    public static readonly IReadOnlyList<string> OnThin = ["vde", "vdf"];

    /// <summary>In files of two datasets, the second of them qcow2, and on a zvol.</summary>
    public static readonly IReadOnlyList<string> OnZfs = ["vdg", "vdh", "vdi"];

    /// <summary>On thick volumes by themselves.</summary>
    public static readonly IReadOnlyList<string> OnVolumes = ["vda", "vdj"];

    private RecordingGuest(LabHostGuest guest) => Guest = guest;

    public LabHostGuest Guest { get; }

    public static RecordingGuest Boot(LabHost host)
    {
        var name = host.NewName("records");
        var thin = host.MakeStorage("thin", $"{name}-fs", "256M");
        var first = host.MakeStorage("dataset", $"{name}-1");
        var second = host.MakeStorage("dataset", $"{name}-2");
        host.Run("sh", "-ec", "mkfs.ext4 -q \"$1\"; mkdir -p \"/srv/$2\"; mount \"$1\" \"/srv/$2\"", "sh", thin, name);
        string[] disks =
        [
            $"raw:{host.MakeStorage("thick", $"{name}-a", "128M")}",
            $"qcow2:/srv/btrfs/vms/{name}.qcow2",
            $"raw:/srv/ext4/{name}.raw",
            $"raw:/srv/xfs/{name}.raw",
            $"raw:{host.MakeStorage("thin", $"{name}-e", "128M")}",
            $"qcow2:/srv/{name}/deep.qcow2",
            $"raw:{first}/a.img",
            $"qcow2:{second}/b.qcow2",
            $"raw:{host.MakeStorage("zvol", $"{name}-i", "64M")}",
            $"raw:{host.MakeStorage("thick", $"{name}-j", "128M")}",
        ];
        var targets = disks.Select((_, i) => $"vd{(char)('a' + i)}").ToList();
        return new RecordingGuest(host.Guest(
            name,
            [.. targets.Zip(disks).SelectMany(disk => (string[])["--disk", $"{disk.First}={disk.Second}"]), "--records", string.Join(',', targets)]));
    }

    public void Wake() => Guest.Host.TryRun("virsh", "-q", "-c", "qemu:///system", "resume", Guest.Name);

    public void Dispose() => Guest.Host.TryRun("virsh", "-q", "-c", "qemu:///system", "suspend", Guest.Name);
}
