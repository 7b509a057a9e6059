using VirtSnapshot.Methods;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using VirtSnapshot.Tests.Methods.LibvirtVolume;
using Xunit;

namespace VirtSnapshot.Tests.Forged;

/// <summary>A clone carries the records of the domain that it was made of: they are shown, and forgotten, and nothing of the original is touched.</summary>
public sealed class ClonedDomainTests(LabFixture lab) : ForgedTest(lab)
{
    [Theory]
    [InlineData("qemu")]
    [InlineData("reflink")]
    [InlineData("btrfs")]
    [InlineData("qemu-internal")]
    [InlineData("libvirt-volume")]
    public void The_records_of_a_clone_with_images_of_its_own_are_foreign_and_only_forgotten(string method)
    {
        var folder = Folder(method);
        var isQcow2 = method.StartsWith("qemu", StringComparison.Ordinal);
        var original = Define(isQcow2 ? Disk(Qcow2(folder, "a.qcow2"), format: "qcow2") : Disk(Raw(folder, "a.raw")));
        using var pool = method == "libvirt-volume" ? new RunningPool(Lab, folder) : null;
        var snapshot = Assert.Single(Engine.Take(original.Domain, "one", method: method));
        WriteJournal(original.Domain, RunOperation.Removal, Entry(RecordOf(original.Domain)) with { WasRecorded = true });
        var clone = Clone(original, "cloned", copiesImages: true);
        ClearJournal(original.Domain);

        var before = Evidence(folder);
        var foreign = Assert.Single(Recorded(clone.Domain));
        Assert.Equal(("one", SnapshotState.Foreign, ""), (foreign.Name, foreign.State, foreign.BackupSource.Xml));
        Assert.Null(foreign.BackupSource.Path);
        Assert.Equal("SnapshotForeign", Engine.Refused(() => Engine.Restore(clone.Domain, [foreign])).ErrorId);
        Assert.Equal(RepairAction.Cleared, TryRepair(clone.Domain)!.Action);
        Assert.Null(TryRepair(clone.Domain));
        var heard = new HeardReporter();
        Assert.Null(Assert.Single(Engine.TryRemove(clone.Domain, [foreign], reporter: heard, cancellation: Token)).Error);
        Assert.Contains("nothing was deleted", Assert.Single(heard.Warnings), StringComparison.Ordinal);
        Assert.Empty(Recorded(clone.Domain));
        Assert.DoesNotContain("urn:virtsnapshot:1", clone.Domain.Xml, StringComparison.Ordinal);
        Assert.Equal(before, Evidence(folder));

        Assert.Equal((SnapshotState.Available, snapshot.BackupSource),
            (Recorded(original.Domain).Single().State, Recorded(original.Domain).Single().BackupSource));
        clone.Dispose();
        Engine.Remove(original.Domain, Recorded(original.Domain));
        AssertNothingLeft(original.Domain);
    }

    /// <summary>Every operation that a copied journal may name is only taken out.</summary>
    [Theory]
    [InlineData("Snapshot")]
    [InlineData("Removal")]
    [InlineData("Restore")]
    [InlineData("RestoreEnding")]
    public void The_journal_of_a_clone_is_taken_out_and_its_own_snapshots_work(string operation)
    {
        var folder = Folder("qemu");
        var original = Define(Disk(Qcow2(folder, "a.qcow2"), format: "qcow2"));
        Engine.Take(original.Domain, "one", method: "qemu");
        var record = RecordOf(original.Domain);
        WriteJournal(original.Domain, Enum.Parse<RunOperation>(operation),
            Entry(record) with { WasRecorded = true, Becomes = operation.StartsWith("Restore", StringComparison.Ordinal) ? record : null });
        var clone = Clone(original, "cloned", copiesImages: true);
        ClearJournal(original.Domain);
        var before = Evidence(folder);
        Assert.Equal(RepairAction.Cleared, TryRepair(clone.Domain)!.Action);
        Assert.Equal(before, Evidence(folder));

        Engine.Take(clone.Domain, "two", method: "qemu");
        Assert.Equal(["Foreign", "Available"], Recorded(clone.Domain).Select(snapshot => $"{snapshot.State}"));
        Engine.Remove(clone.Domain, Recorded(clone.Domain));
        Assert.Empty(Recorded(clone.Domain));
        Assert.Equal($"{folder}/cloned-a.one.qcow2", clone.Domain.Disks[0].Source.Path);
        Assert.Equal("Available", $"{Assert.Single(Recorded(original.Domain)).State}");
    }

    private string Folder(string method) => method switch
    {
        "btrfs" => SubvolumeFolder(),
        "reflink" => Xfs().Folder,
        _ => Keep(new TestFolder(Path.Combine(Lab.Images, "forged"))).Path,
    };

    private string SubvolumeFolder()
    {
        Btrfs(out var subvolume);
        return subvolume;
    }
}
