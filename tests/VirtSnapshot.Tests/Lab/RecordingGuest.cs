namespace VirtSnapshot.Tests.Lab;

/// <summary>
/// A guest on the lab host that writes records to disks on all of its storage. It is booted once, which takes an emulated host half a minute, and suspended
/// while no test needs it: by disposing of this.
/// </summary>
public sealed class RecordingGuest : IDisposable
{
    /// <summary>On thick volumes: by itself, and in files on btrfs (qcow2), ext4 and XFS.</summary>
    public static readonly IReadOnlyList<string> OnThick = ["vda", "vdb", "vdc", "vdd"];

    /// <summary>On a thin volume, and in a file on one.</summary>
    public static readonly IReadOnlyList<string> OnThin = ["vde", "vdf"];

    /// <summary>In raw files of two datasets, and on a zvol.</summary>
    public static readonly IReadOnlyList<string> OnZfs = ["vdg", "vdh", "vdi"];

    /// <summary>In a raw file of a dataset, on a zvol, and in a qcow2 file of another dataset.</summary>
    public static readonly IReadOnlyList<string> OnZfsWithQcow2 = ["vdg", "vdi", "vdk"];

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
            $"raw:{second}/b.img",
            $"raw:{host.MakeStorage("zvol", $"{name}-i", "64M")}",
            $"raw:{host.MakeStorage("thick", $"{name}-j", "128M")}",
            $"qcow2:{second}/c.qcow2",
        ];
        var targets = disks.Select((_, i) => $"vd{(char)('a' + i)}").ToList();
        var options = targets.Zip(disks).SelectMany(disk => (string[])["--disk", $"{disk.First}={disk.Second}"]);
        return new RecordingGuest(host.Guest(name, [.. options, "--records", string.Join(',', targets), "--cmdline", "pace=0.08"]));
    }

    public void Wake() => Guest.Host.TryRun("virsh", "-q", "-c", "qemu:///system", "resume", Guest.Name);

    public void Dispose() => Guest.Host.TryRun("virsh", "-q", "-c", "qemu:///system", "suspend", Guest.Name);
}
