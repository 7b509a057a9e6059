using System.Diagnostics;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Snapshots;

/// <summary>Whatever the data lies on: taken, written on, merged back, and a domain that starts with the same content.</summary>
public class DiskKindTests(LabFixture lab)
{
    private string Overlays => Directory.CreateDirectory(Path.Combine(lab.Images, "overlays")).FullName;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_raw_file(bool isRunning)
    {
        var image = Path.Combine(lab.Images, "kinds-vda.raw");
        LabScript.RunProgram("truncate", "-s", "8M", image);
        using var domain = new BareDomain(lab, "kinds", [BareDomain.FileDisk(image, "vda", "raw")], isRunning: isRunning);
        var snapshot = TakeWriteAndRemove(domain, null, image, "raw");
        Assert.Equal(("raw", image), (snapshot.BackupSource.Format, snapshot.BackupSource.Path));
        Assert.Equal(("raw", image), (domain.Domain.FindDisk("vda")!.Format, domain.Domain.FindDisk("vda")!.Source.Path));
    }

    [Fact]
    public void Names_with_characters_that_XML_and_shells_know()
    {
        var image = Path.Combine(lab.Images, "kinds-a 'b\" & <c>;$(x),y=z.raw");
        LabScript.RunProgram("truncate", "-s", "8M", image);
        using var domain = new BareDomain(lab, "kinds", [BareDomain.FileDisk(image, "vda", "raw")]);
        TakeWriteAndRemove(domain, null, image, "raw");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_block_device_with_an_overlay_directory(bool isRunning)
    {
        using var device = new LoopDevice(lab, "kinds-loop.img");
        using var domain = new BareDomain(lab, "kinds", [BareDomain.Disk("block", $"<source dev='{device.Path}'/>", "vda", "raw")], isRunning: isRunning);
        var error = Engine.Refused(() => Engine.Take(domain.Domain));
        Assert.Equal((FailureKind.InvalidArgument, "OverlayDirectoryNeeded"), (error.Kind, error.ErrorId));
        Assert.Empty(Engine.List(domain.Domain));

        var snapshot = TakeWriteAndRemove(domain, Overlays, device.Path, "raw");
        Assert.Equal((DiskSourceType.Block, device.Path), (snapshot.BackupSource.Type, snapshot.BackupSource.Path));
        Assert.Equal(DiskSourceType.Block, domain.Domain.FindDisk("vda")!.Source.Type);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_volume_of_a_pool(bool isRunning)
    {
        var folder = Directory.CreateDirectory(Path.Combine(lab.Images, "pool")).FullName;
        lab.Virsh("pool-create-as", "kinds", "dir", "--target", folder);
        try
        {
            lab.Virsh("vol-create-as", "kinds", "disk.qcow2", "8M", "--format", "qcow2");
            using var domain = new BareDomain(lab, "kinds", [BareDomain.Disk("volume", "<source pool='kinds' volume='disk.qcow2'/>", "vda", "qcow2")],
                isRunning: isRunning);
            var image = Path.Combine(folder, "disk.qcow2");
            Assert.Equal(image, domain.Domain.FindDisk("vda")!.Source.Path);
            TakeWriteAndRemove(domain, Overlays, image, "qcow2");
            Assert.Equal((DiskSourceType.Volume, "kinds/disk.qcow2"), (domain.Domain.FindDisk("vda")!.Source.Type, domain.Domain.FindDisk("vda")!.Source.Name));
        }
        finally
        {
            lab.Virsh("pool-destroy", "kinds");
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("name='export'")]
    [InlineData("")]
    public void A_network_disk_with_an_overlay_directory(string name)
    {
        using var server = new NbdServer(lab, "kinds-nbd.raw", name.Length > 0 ? "export" : "");
        using var domain = new BareDomain(lab, "kinds", [server.Disk(name)]);
        Assert.Equal("OverlayDirectoryNeeded", Engine.Refused(() => Engine.Take(domain.Domain)).ErrorId);

        var snapshot = TakeWriteAndRemove(domain, Overlays, server.Image, "raw");
        Assert.Equal((DiskSourceType.Network, "nbd", null), (snapshot.BackupSource.Type, snapshot.BackupSource.Protocol, snapshot.BackupSource.Path));
        Assert.Contains(server.Socket, snapshot.BackupSource.Xml, StringComparison.Ordinal);
    }

    [Fact]
    public void A_network_disk_is_left_alone_while_the_domain_is_shut_off()
    {
        using var server = new NbdServer(lab, "kinds-nbd.raw", "export");
        using var domain = new BareDomain(lab, "kinds", [server.Disk("name='export'")]);
        var snapshot = Assert.Single(Engine.Take(domain.Domain, overlayDirectory: Overlays));
        lab.Virsh("destroy", domain.Name);
        Assert.Equal(SnapshotState.Available, Assert.Single(Engine.List(domain.Domain)).State);
        foreach (var error in new[] { Engine.RemovalRefused(domain.Domain, snapshot), Engine.Refused(() => Engine.Take(domain.Domain)) })
        {
            Assert.Equal((FailureKind.InvalidOperation, "DomainNotRunning"), (error.Kind, error.ErrorId));
        }

        lab.Virsh("start", domain.Name);
        Engine.Remove(domain.Domain, snapshot);
        lab.Virsh("destroy", domain.Name);
        Assert.Equal("DomainNotRunning", Engine.Refused(() => Engine.Take(domain.Domain, overlayDirectory: Overlays)).ErrorId);
        Assert.Empty(Directory.GetFiles(Overlays));
    }

    [Fact]
    public void A_chain_that_qemu_img_cannot_open_is_refused_before_anything_is_begun()
    {
        using var domain = new BareDomain(lab, "kinds", isRunning: false);
        LabScript.RunProgram("qemu-img", "rebase", "-u", "-b", $"nbd+unix:///export?socket={lab.Images}/nowhere", "-F", "raw", domain.Image());
        var snapshot = Assert.Single(Engine.Take(domain.Domain));
        var error = Engine.RemovalRefused(domain.Domain, snapshot);
        Assert.Equal((FailureKind.InvalidData, "SourceUnreadable"), (error.Kind, error.ErrorId));
        Assert.Contains("Start the domain", error.Message, StringComparison.Ordinal);
        Assert.Null(RunJournal.Read(domain.Domain));
        Assert.Equal(SnapshotState.Available, Assert.Single(Engine.List(domain.Domain)).State);

        LabScript.RunProgram("qemu-img", "rebase", "-u", "-b", "", domain.Image());
        Engine.Remove(domain.Domain, snapshot);
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void Two_images_of_the_same_name_but_for_their_extension()
    {
        var one = Path.Combine(lab.Images, "kinds-same.img");
        var two = Path.Combine(lab.Images, "kinds-same.raw");
        LabScript.RunProgram("truncate", "-s", "8M", one, two);
        using var domain = new BareDomain(lab, "kinds", [BareDomain.FileDisk(one, "vda", "raw"), BareDomain.FileDisk(two, "vdb", "raw")]);
        var snapshots = Engine.Take(domain.Domain, "both");
        Assert.Equal(2, snapshots.Select(snapshot => snapshot.ModifiedDisk!.Source.Path).Distinct().Count());
        Engine.Remove(domain.Domain, snapshots);
        Engine.AssertNothingLeft(domain.Domain);
    }

    /// <summary>Writes before, on and after the overlay, restarts the domain on the overlay, and reads it all from the base in the end.</summary>
    private DiskSnapshot TakeWriteAndRemove(BareDomain domain, string? overlayDirectory, string image, string format)
    {
        var isRunning = domain.Domain.IsActive;
        WriteLive(domain, isRunning, 1, "0");
        var snapshot = Assert.Single(Engine.Take(domain.Domain, overlayDirectory: overlayDirectory));
        Assert.Equal(SnapshotState.Available, Assert.Single(Engine.List(domain.Domain)).State);
        AssertPattern(image, format, 1, "0");
        WriteLive(domain, isRunning, 2, "1M");
        if (isRunning)
        {
            // What libvirt has stored must lead to the same chain.
            lab.Virsh("destroy", domain.Name);
            lab.Virsh("start", domain.Name);
            domain.Write(3, "2M");
        }

        Engine.Remove(domain.Domain, snapshot);
        Assert.Empty(Engine.List(domain.Domain));
        Assert.False(File.Exists(snapshot.ModifiedDisk!.Source.Path));
        WriteLive(domain, isRunning, 4, "3M");
        if (isRunning)
        {
            lab.Virsh("destroy", domain.Name);
        }

        AssertPattern(image, format, 1, "0");
        AssertPattern(image, format, 2, "1M");
        if (isRunning)
        {
            AssertPattern(image, format, 3, "2M");
        }

        AssertPattern(image, format, 4, "3M");
        return snapshot;
    }

    /// <summary>A domain that is shut off is started for as long as the writing takes.</summary>
    private void WriteLive(BareDomain domain, bool isRunning, byte pattern, string offset)
    {
        if (!isRunning)
        {
            lab.Virsh("start", domain.Name);
        }

        domain.Write(pattern, offset);
        if (!isRunning)
        {
            lab.Virsh("destroy", domain.Name);
        }
    }

    private static void AssertPattern(string image, string format, byte pattern, string offset)
    {
        var (exitCode, output, _) = LabScript.TryRunProgram("qemu-io", "-U", "-r", "-c", $"read -P {pattern} {offset} 64k", "--image-opts", $"driver={format},file.driver={(image.StartsWith("/dev/", StringComparison.Ordinal) ? "host_device" : "file")},file.locking=off,file.filename={image.Replace(",", ",,", StringComparison.Ordinal)}");
        Assert.True(exitCode == 0 && !output.Contains("verification failed", StringComparison.Ordinal), $"{image} at {offset}: {output}");
    }

    private sealed class LoopDevice : IDisposable
    {
        private readonly string image;

        public LoopDevice(LabFixture lab, string name)
        {
            image = System.IO.Path.Combine(lab.Images, name);
            LabScript.RunProgram("truncate", "-s", "8M", image);
            Path = LabScript.RunProgram("losetup", "--find", "--show", image).Trim();
        }

        public string Path { get; }

        public void Dispose()
        {
            LabScript.RunProgram("losetup", "--detach", Path);
            File.Delete(image);
        }
    }

    private sealed class NbdServer : IDisposable
    {
        private readonly Process process;

        public NbdServer(LabFixture lab, string name, string export)
        {
            Image = Path.Combine(lab.Images, name);
            Socket = Path.Combine(lab.Images, "nbd");
            LabScript.RunProgram("truncate", "-s", "8M", Image);
            process = Process.Start("qemu-nbd", ["--persistent", "--shared=0", "--format=raw", $"--socket={Socket}", $"--export-name={export}", Image]);
            Assert.True(SpinWait.SpinUntil(() => File.Exists(Socket), 10_000));
            LabScript.RunProgram("chmod", "777", Socket);
        }

        public string Image { get; }

        public string Socket { get; }

        public string Disk(string name) =>
            BareDomain.Disk("network", $"<source protocol='nbd' {name}><host transport='unix' socket='{Socket}'/></source>", "vda", "raw");

        public void Dispose()
        {
            process.Kill();
            process.WaitForExit();
            process.Dispose();
            File.Delete(Socket);
            File.Delete(Image);
        }
    }
}
