using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Methods;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using VirtSnapshot.Tests.Storage;
using Xunit;

namespace VirtSnapshot.Tests.Methods.Volumes;

/// <summary>What the tests of methods below the image share: a file system of their own, and domains whose images lie there.</summary>
public abstract class VolumeTest : IDisposable
{
    private protected static readonly LocalHost Host = new("test:///default");

    private readonly List<IDisposable> made = [];
    private int defined;

    protected VolumeTest(LabFixture lab) => Lab = lab;

    protected LabFixture Lab { get; }

    public void Dispose()
    {
        for (var i = made.Count - 1; i >= 0; i--)
        {
            made[i].Dispose();
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>A fresh btrfs with copies of its metadata off, and a subvolume in it.</summary>
    private protected LoopFileSystem Btrfs(out string subvolume, string name = "vms", string size = "320M")
    {
        var mount = Keep(new LoopFileSystem(Lab.Images, "btrfs", ["mkfs.btrfs", "-q", "-m", "single"], size));
        subvolume = AddSubvolume(mount.Folder, name);
        return mount;
    }

    private protected LoopFileSystem Xfs(string size = "320M") => Keep(new LoopFileSystem(Lab.Images, "xfs", ["mkfs.xfs", "-q", "-m", "reflink=1"], size));

    private protected static string AddSubvolume(string folder, string name)
    {
        var path = Path.Combine(folder, name);
        LabScript.RunProgram("btrfs", "subvolume", "create", "--", path);
        return path;
    }

    /// <summary>A raw image whose first MiB is one byte over and over.</summary>
    private protected static string Raw(string folder, string name, byte content = 1)
    {
        var image = Path.Combine(folder, name);
        WriteRaw(image, content);
        return image;
    }

    private protected static void WriteRaw(string image, byte content)
    {
        using var file = File.OpenWrite(image);
        file.Write([.. Enumerable.Repeat(content, 1 << 20)]);
        file.SetLength(8 << 20);
    }

    private protected static string Disk(string image, string target = "vda", string format = "raw") => BareDomain.FileDisk(image, target, format);

    /// <summary>A disk that leads to its image through a link: libvirt makes blanks of line breaks in a path.</summary>
    private protected string LinkedDisk(string image)
    {
        var link = Path.Combine(Lab.Images, $"volumes{defined + 1}-link");
        File.CreateSymbolicLink(link, image);
        return Disk(link);
    }

    /// <summary>A shut-off domain.</summary>
    private protected BareDomain Define(params string[] disks) => Keep(new BareDomain(Lab, $"volumes{++defined}", disks, isRunning: false));

    /// <summary>The snapshots that have a record: a domain whose image has a backing image shows that, too.</summary>
    private protected static IReadOnlyList<DiskSnapshot> Recorded(VmDomain domain) =>
        [.. Engine.List(domain).Where(snapshot => snapshot.State != SnapshotState.Unknown)];

    /// <summary>What lies in a folder, links and hidden files included.</summary>
    private protected static IReadOnlyList<string> Entries(string folder) =>
        [.. Directory.GetFileSystemEntries(folder).Select(entry => Path.GetFileName(entry)).Order(StringComparer.Ordinal)];

    private protected static void AssertNothingLeft(VmDomain domain)
    {
        Assert.Empty(Recorded(domain));
        Assert.Null(RunJournal.Read(domain));
        Assert.DoesNotContain("urn:virtsnapshot:1:set", domain.Xml, StringComparison.Ordinal);
        foreach (var folder in domain.Disks.Select(disk => Path.GetDirectoryName(disk.Source.Path)!).Distinct(StringComparer.Ordinal))
        {
            Assert.DoesNotContain(Entries(folder), entry => entry.StartsWith(".virtsnapshot", StringComparison.Ordinal));
        }
    }

    private protected static string Qcow2(string folder, string name, string? backing = null, byte content = 1)
    {
        var image = Path.Combine(folder, name);
        string[] below = backing is null ? [] : ["-b", backing, "-F", "qcow2"];
        LabScript.RunProgram("qemu-img", ["create", "-q", "-f", "qcow2", .. below, image, "8M"]);
        if (backing is null)
        {
            BareDomain.WriteOffline(image, content);
        }

        return image;
    }

    private protected static void Repair(BareDomain domain)
    {
        using var plan = Engine.Current.PlanRepair(domain.Domain, null, new HeardReporter(), TestContext.Current.CancellationToken);
        Assert.Equal(RepairAction.Finished, plan!.Run(TestContext.Current.CancellationToken).Action);
    }

    private protected static VirtSnapshotException AssertUnsuitable(BareDomain domain, string method)
    {
        var error = Engine.Refused(() => Engine.Take(domain.Domain, "one", method: method));
        Assert.Equal("MethodUnsuitable", error.ErrorId);
        AssertNothingLeft(domain.Domain);
        return error;
    }

    private protected T Keep<T>(T something)
        where T : IDisposable
    {
        made.Add(something);
        return something;
    }
}
