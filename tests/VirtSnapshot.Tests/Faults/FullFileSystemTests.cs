using VirtSnapshot.Libvirt;
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

    [Fact]
    public void A_guest_that_is_paused_since_its_overlay_is_full_is_told_of_until_it_goes_on()
    {
        Engine.Take(Live.Domain, "full", overlayDirectory: folder);
        try
        {
            Fill();
            Poll.Until(() => Live.Domain.PauseReason == PauseReason.IOError, 60, "The guest is not paused.");

            var listing = new SnapshotListing();
            var snapshots = Engine.List(Live.Domain, listing);
            AssertTold("is paused by an I/O error", listing.TakeWarnings());

            var heard = new HeardReporter();
            Assert.Equal("NoSpace", Engine.Refused(() => Engine.Take(Live.Domain, reporter: heard)).ErrorId);
            AssertTold("is paused by an I/O error", heard.Warnings);

            heard = new HeardReporter();
            Assert.Null(Engine.Current.PlanRepair(Live.Domain, null, heard, Token));
            AssertTold("is paused by an I/O error", heard.Warnings);

            heard = new HeardReporter();
            Assert.All(Engine.TryRemove(Live.Domain, snapshots, reporter: heard, cancellation: Token), result => Assert.Null(result.Error));
            AssertTold("is still paused by an I/O error", heard.Warnings);
            Assert.Equal(PauseReason.IOError, Live.Domain.PauseReason);
        }
        finally
        {
            // Nothing may stay on the file system that goes with this test.
            Engine.TryRemove(Live.Domain, Named(Live, "full"), cancellation: Token);
            Lab.TryVirsh("resume", Live.Name);
        }

        Assert.Null(Live.Domain.PauseReason);
        AssertAllRecordsThere(Live);
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

    private void AssertTold(string what, IReadOnlyList<string> warnings)
    {
        var warning = Assert.Single(warnings);
        Assert.Contains(what, warning, StringComparison.Ordinal);
        Assert.Contains($"'virsh resume {Live.Name}'", warning, StringComparison.Ordinal);
    }

    private void Fill() => LabScript.TryRunProgram("dd", "if=/dev/zero", $"of={Full[^1]}", "bs=4k", "conv=fsync");
}
