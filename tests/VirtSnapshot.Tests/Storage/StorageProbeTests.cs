using System.Security;
using VirtSnapshot.Domains;
using VirtSnapshot.Storage;
using VirtSnapshot.Tests.Domains;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Storage;

/// <summary>Real images on real file systems.</summary>
public sealed class StorageProbeTests : IDisposable
{
    private readonly CountingHost host = new();
    private readonly List<LoopFileSystem> fileSystems = [];
    private readonly string folder = Directory.CreateTempSubdirectory("vs-probe-").FullName;

    public void Dispose()
    {
        foreach (var fileSystem in Enumerable.Reverse(fileSystems))
        {
            fileSystem.Dispose();
        }

        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void A_file_on_ext4_and_the_devices_below()
    {
        var ext4 = Make("ext4", "mkfs.ext4", "-q");
        var image = Raw(ext4.Folder, "disk.raw");
        var stack = StackOf(image, "raw");
        Assert.Equal(new ImageLayer("raw", image, []).ToString(), stack.Layers[0].ToString());
        var fileSystem = Assert.IsType<FileSystemLayer>(stack.Layers[1]);
        Assert.Equal(new FileSystemLayer("ext4", ext4.Folder, ext4.Device, image, null, false, false), fileSystem);
        Assert.Equal(new DeviceLayer("loop", ext4.Device, 320 << 20), stack.Layers[2]);
        Assert.Equal(3, stack.Layers.Count);
        Assert.Equal(1, host.RoundTrips);
    }

    [Theory]
    [InlineData("reflink=1", true)]
    [InlineData("reflink=0", false)]
    public void XFS_clones_blocks_if_it_was_made_to(string option, bool canClone)
    {
        var xfs = Make("xfs", "mkfs.xfs", "-q", "-m", option);
        var image = Raw(xfs.Folder, "disk.raw");
        Assert.Equal(new FileSystemLayer("xfs", xfs.Folder, xfs.Device, image, null, canClone, false), StackOf(image, "raw").Find<FileSystemLayer>());
        Assert.Equal(canClone, LabScript.TryRunProgram("cp", "--reflink=always", image, image + ".copy").ExitCode == 0);
    }

    private LoopFileSystem Make(string name, params string[] make)
    {
        fileSystems.Add(new LoopFileSystem(folder, name, make));
        return fileSystems[^1];
    }

    private static string Raw(string folder, string name)
    {
        var image = Path.Combine(folder, name);
        File.WriteAllText(image, "some data");
        return image;
    }

    private StorageStack StackOf(string image, string format) => StackOf(BareDomain.FileDisk(image, "vda", format));

    private StorageStack StackOf(string xml)
    {
        var disk = TestDomain.Disk(xml);
        return new StorageProbe(() => host, [disk]).StackOf(disk);
    }
}
