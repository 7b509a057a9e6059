using VirtSnapshot.Domains;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using VirtSnapshot.Tests.Storage;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>
/// A process that snapshots one disk by an overlay and another one by a copy, or that merges on a file system that is gone afterwards, dies by SIGKILL.
/// </summary>
public sealed class KilledMixedSetTests : FaultTest
{
    private const string Name = "mixed";

    private readonly LoopFileSystem mount;

    public KilledMixedSetTests(LabFixture lab)
        : base(lab) => mount = new LoopFileSystem(lab.Images, "mixed", ["mkfs.xfs", "-q", "-m", "reflink=1"]);

    [Theory]
    [InlineData(false, nameof(RunStep.Taken))]
    [InlineData(true, nameof(RunStep.Taken))]
    [InlineData(true, nameof(RunStep.ShieldedTaken))]
    public void Repair_undoes_the_set_as_a_whole(bool isRunning, string step)
    {
        using var domain = Define(isRunning);
        Die(new CrashTestRequest { Work = CrashTestWork.Snapshot, Quiescence = Quiescence.None, Step = Enum.Parse<RunStep>(step) });
        if (isRunning)
        {
            domain.Write(7, "1M");
        }

        var result = Repair(domain);
        Assert.Equal(RepairAction.Undone, result.Action);
        Assert.Contains(result.Details, detail => detail.Contains("'vda'", StringComparison.Ordinal));
        AssertUndone(domain);
    }

    [Fact]
    [Trait("Quick", "no")]
    public void A_repair_that_is_killed_itself_is_repaired()
    {
        using var domain = Define(isRunning: false);
        foreach (var step in new[] { RunStep.RemovalJournaled, RunStep.Discarded })
        {
            Die(new CrashTestRequest { Work = CrashTestWork.Snapshot, Quiescence = Quiescence.None, Step = RunStep.Taken });
            Die(new CrashTestRequest { Work = CrashTestWork.Repair, Step = step });
            Assert.Equal((step, RepairAction.Finished), (step, Repair(domain).Action));
            AssertUndone(domain);
        }
    }

    [Theory]
    [InlineData(nameof(RunStep.Pivoted))]
    [InlineData(nameof(RunStep.CatalogRewritten))]
    public void A_merged_overlay_that_is_out_of_sight_is_not_forgotten(string step)
    {
        using var domain = new BareDomain(Lab, Name, [BareDomain.FileDisk(Raw("a.raw"), "vda", "raw")], isRunning: false);
        var overlay = Engine.Take(domain.Domain, "one")[0].ModifiedDisk!.Source.Path!;
        Die(new CrashTestRequest { Work = CrashTestWork.Removal, Name = "one", Step = Enum.Parse<RunStep>(step) });
        LabScript.RunProgram("umount", mount.Folder);
        try
        {
            var result = Repair(domain);
            Assert.Equal(RepairAction.Incomplete, result.Action);
            Assert.Contains("is missing or cannot be read", Assert.Single(result.Details), StringComparison.Ordinal);
        }
        finally
        {
            LabScript.RunProgram("mount", mount.Device, mount.Folder);
        }

        Assert.True(File.Exists(overlay));
        Assert.Equal(RepairAction.Finished, Repair(domain).Action);
        Assert.Equal(["a.raw"], Directory.GetFileSystemEntries(mount.Folder).Select(Path.GetFileName));
        Engine.AssertNothingLeft(domain.Domain);
    }

    protected override void CleanUp() => mount.Dispose();

    private BareDomain Define(bool isRunning)
    {
        var domain = new BareDomain(
            Lab, Name, [BareDomain.FileDisk(Raw("a.raw"), "vda", "raw"), BareDomain.FileDisk(Raw("b.raw"), "vdb", "raw")], isRunning: isRunning);
        Engine.Settings.Set(domain.Domain, [DiskSelector.Parse("vda")], DiskSnapshotMethod.Parse("qemu"));
        Engine.Settings.Set(domain.Domain, [DiskSelector.Parse("vdb")], DiskSnapshotMethod.Parse("reflink"));
        return domain;
    }

    private string Raw(string name)
    {
        var image = Path.Combine(mount.Folder, name);
        LabScript.RunProgram("truncate", "-s", "8M", image);
        return image;
    }

    private void Die(CrashTestRequest request) => CrashTestProcess.Die(Lab, Name, request);

    private void AssertUndone(BareDomain domain)
    {
        Engine.AssertNothingLeft(domain.Domain);
        Assert.Equal(["a.raw", "b.raw"], domain.Domain.Disks.Select(disk => Path.GetFileName(disk.Source.Path)));
        Assert.Equal(["a.raw", "b.raw"], Directory.GetFileSystemEntries(mount.Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }
}
