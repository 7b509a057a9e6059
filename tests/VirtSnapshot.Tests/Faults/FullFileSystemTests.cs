using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>A file system that has no room for the overlays.</summary>
public sealed class FullFileSystemTests : FaultTest
{
    private readonly string folder;
    private readonly string image;

    public FullFileSystemTests(LabFixture lab)
        : base(lab)
    {
        _ = lab.Uri;
        folder = Path.Combine(lab.Images, "tiny");
        image = Path.Combine(lab.Folder, "tiny.img");
        Directory.CreateDirectory(folder);
        LabScript.RunProgram("truncate", "-s", "24M", image);
        LabScript.RunProgram("mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", image);
        LabScript.RunProgram("mount", "-o", "loop", image, folder);
        Full = [.. Directory.GetFileSystemEntries(folder), Path.Combine(folder, "filler")];
    }

    /// <summary>What lies there when it is full, and nothing of ours.</summary>
    private string[] Full { get; }

    [Fact]
    public void Full_when_it_is_planned_it_is_refused_before_anything_is_touched()
    {
        var standing = Standing(ShutOff);
        Fill();
        AssertNoSpace(standing);
    }

    [Fact]
    public void Full_by_the_time_the_overlays_are_made_everything_is_undone()
    {
        var standing = Standing(ShutOff);
        At(RunStep.Journaled, Fill);
        AssertNoSpace(standing);
        AssertAgreement(ShutOff);
    }

    [Fact]
    public void Full_up_to_a_few_blocks_everything_is_undone_as_well()
    {
        var standing = Standing(ShutOff);
        At(RunStep.Journaled, () =>
        {
            Fill();

            // Room for one overlay and a part of the other.
            using var filler = File.OpenWrite(Full[^1]);
            filler.SetLength(filler.Length - (300 << 10));
        });
        AssertNoSpace(standing);
        AssertAgreement(ShutOff);
    }

    protected override void CleanUp()
    {
        LabScript.RunProgram("umount", folder);
        Directory.Delete(folder);
        File.Delete(image);
    }

    private void AssertNoSpace(string standing)
    {
        Assert.Equal("NoSpace", Engine.Refused(() => Engine.Take(ShutOff.Domain, overlayDirectory: folder)).ErrorId);
        Assert.Equal(Full.Order(StringComparer.Ordinal), Directory.GetFileSystemEntries(folder).Order(StringComparer.Ordinal));
        Assert.Equal(standing, Standing(ShutOff));
    }

    private void Fill() => LabScript.TryRunProgram("dd", "if=/dev/zero", $"of={Full[^1]}", "bs=4k", "conv=fsync");
}
