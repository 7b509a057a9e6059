using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
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
    private protected LoopFileSystem Btrfs(out string subvolume, string name = "vms")
    {
        var mount = Keep(new LoopFileSystem(Lab.Images, "btrfs", ["mkfs.btrfs", "-q", "-m", "single"]));
        subvolume = AddSubvolume(mount.Folder, name);
        return mount;
    }

    private protected LoopFileSystem Xfs() => Keep(new LoopFileSystem(Lab.Images, "xfs", ["mkfs.xfs", "-q", "-m", "reflink=1"]));

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

    private protected static string Disk(string image, string target = "vda", string format = "raw", string extra = "") =>
        BareDomain.FileDisk(image, target, format, extra).Replace("\n", "&#10;", StringComparison.Ordinal);

    /// <summary>A shut-off domain.</summary>
    private protected BareDomain Define(params string[] disks) => Keep(new BareDomain(Lab, $"volumes{++defined}", disks, isRunning: false));

    /// <summary>What lies in a folder, links and hidden files included.</summary>
    private protected static IReadOnlyList<string> Entries(string folder) => [.. Directory.GetFileSystemEntries(folder).Select(entry => Path.GetFileName(entry)).Order(StringComparer.Ordinal)];

    private protected static void AssertNothingLeft(VmDomain domain)
    {
        Assert.Empty(SnapshotList.Of(domain));
        Assert.Null(RunJournal.Read(domain));
        Assert.DoesNotContain("urn:virtsnapshot:1:set", domain.Xml, StringComparison.Ordinal);
        foreach (var folder in domain.Disks.Select(disk => Path.GetDirectoryName(disk.Source.Path)!).Distinct(StringComparer.Ordinal))
        {
            Assert.DoesNotContain(Entries(folder), entry => entry.StartsWith(".virtsnapshot", StringComparison.Ordinal));
        }
    }

    private protected T Keep<T>(T something)
        where T : IDisposable
    {
        made.Add(something);
        return something;
    }
}
