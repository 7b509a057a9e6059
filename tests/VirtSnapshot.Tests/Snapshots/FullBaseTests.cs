using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Snapshots;

/// <summary>A base whose file system has no space for what the overlay holds.</summary>
public class FullBaseTests(LabFixture lab)
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_merge_that_finds_no_space_says_so_and_can_be_repeated(bool isRunning)
    {
        using var small = new SmallFileSystem(lab, "full-base");
        var image = Path.Combine(small.Folder, "base.qcow2");
        File.Copy(lab.BlankQcow2("8M"), image);
        using var domain = new BareDomain(lab, "full", [BareDomain.FileDisk(image, "vda", "qcow2")]);
        Engine.Take(domain.Domain, "one", overlayDirectory: lab.Images);
        domain.Write(7, length: "8M");
        if (!isRunning)
        {
            lab.Virsh("destroy", domain.Name);
        }

        var overlay = domain.Domain.FindDisk("vda")!.Source;
        small.Fill();
        var error = Engine.RemovalRefused(domain.Domain, Engine.List(domain.Domain));
        Assert.Equal((FailureKind.QuotaExceeded, "MergeFailed"), (error.Kind, error.ErrorId));
        Assert.Contains("no space", error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(overlay.Path, domain.Domain.FindDisk("vda")!.Source.Path);

        File.Delete(Path.Combine(small.Folder, "filler"));
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        lab.TryVirsh("destroy", domain.Name);
        LabScript.RunProgram("qemu-io", "-r", "-f", "qcow2", "-c", "read -P 7 0 8M", image);
        Engine.AssertNothingLeft(domain.Domain);
    }
}
