using VirtSnapshot.Tests.Conformance;
using VirtSnapshot.Tests.HostStorage;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.HostSuite;

/// <summary>
/// The suite for a method whose storage only the lab host has. Its domains stay shut off: starting one takes the emulated host a minute. Each test takes
/// minutes there, so only <c>./build.sh test -Whole</c> runs them; what every run proves on the lab host is in <c>HostStorage</c>.
/// </summary>
public abstract class HostConformance(LabHost host) : MethodConformance, IDisposable
{
    private readonly HostScope scope = new(host);

    /// <summary>Traits of a method on a slow host: one disk, and no step that is another one's double.</summary>
    private protected static ConformanceTraits Short(string method) => new(method)
    {
        Disks = 1,
        Restores = ["s2", "s1"],
        RestoreSteps = [(RunStep.RestorePrepared, 1), (RunStep.DiskSwitched, 1), (RunStep.Discarded, 1)],
    };

    /// <summary>The verb of the lab host's <c>storage</c> that makes a volume for the method: thick, thin or zvol.</summary>
    private protected abstract string Storage { get; }

    /// <summary>The script that takes away the volume at <c>$1</c> with all its snapshots.</summary>
    private protected virtual string Delete => "lvremove -fy \"$1\"";

    /// <summary>The script that deletes the snapshot at <c>$1</c> with the storage's own tools.</summary>
    private protected virtual string DeleteSnapshot => Delete;

    public void Dispose()
    {
        if (TestContext.Current.TestState?.Result == TestResult.Failed)
        {
            host.TryRun("sh", "-c", "umount /run/virtsnapshot/mnt/*; rmdir /run/virtsnapshot/mnt/*; lvremove -fy @virtsnapshot");
        }

        scope.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>The disk for the other method, as <c>raw:/srv/ext4/a</c>.</summary>
    private protected abstract string MakeOther();

    private protected override MethodDomain Make(int own, bool hasOther = false)
    {
        var disks = Enumerable.Range(0, own).Select(_ => $"raw:{Volume(Storage, Delete)}").ToList();
        if (hasOther)
        {
            disks.Add(MakeOther());
        }

        return new HostDomain(host, scope.Define([.. disks]), DeleteSnapshot);
    }

    private protected string Volume(string storage, string delete)
    {
        var device = host.MakeStorage(storage, host.NewName(storage), "16M");
        scope.Afterwards("sh", "-c", delete, "sh", device);
        return device;
    }

    /// <summary>A name for an image that is deleted when the test has ended.</summary>
    private protected string Image(string folder)
    {
        var path = $"{folder}/{host.NewName("image")}";
        scope.Afterwards("rm", "-f", "--", path);
        return path;
    }

    private protected string Dataset()
    {
        var folder = host.MakeStorage("dataset", host.NewName("dataset"));
        scope.Afterwards("zfs", "destroy", "-r", $"tank/vms/{Path.GetFileName(folder)}");
        return folder;
    }
}

/// <summary>Thick volumes. The other disk is a thin one.</summary>
public sealed class LvmConformance(LabHost host) : HostConformance(host)
{
    private protected override ConformanceTraits Traits { get; } = Short("lvm") with
    {
        Other = "lvm-thin",
        Restore = RestoreEffect.UsesUp,
        RestoreIsFinal = true,
    };

    private protected override string Storage => "thick";

    private protected override string MakeOther() => $"raw:{Volume("thin", Delete)}";
}

/// <summary>Thin volumes. The other disk is a file on a thick one.</summary>
public sealed class LvmThinConformance(LabHost host) : HostConformance(host)
{
    private protected override ConformanceTraits Traits { get; } = Short("lvm-thin") with { Other = "lvm" };

    private protected override string Storage => "thin";

    private protected override string MakeOther() => $"raw:{Image("/srv/ext4")}";
}

/// <summary>Volumes of ZFS. The other disk is a file in a dataset: the same method, and another way to read and to restore.</summary>
public sealed class ZfsConformance(LabHost host) : HostConformance(host)
{
    private protected override ConformanceTraits Traits { get; } = Short("zfs") with
    {
        Other = "zfs",
        Restore = RestoreEffect.LosesNewer,
        RestoreIsFinal = true,
    };

    private protected override string Storage => "zvol";

    private protected override string Delete => "zfs destroy -R \"${1#/dev/zvol/}\"";

    /// <summary>A snapshot of a zvol is read through a clone of it.</summary>
    private protected override string DeleteSnapshot => "zfs destroy \"${1#/dev/zvol/}\"";

    private protected override string MakeOther() => $"raw:{Dataset()}/image";
}
