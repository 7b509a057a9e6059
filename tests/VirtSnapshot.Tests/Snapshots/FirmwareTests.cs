using System.Xml.Linq;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Faults;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Snapshots;

/// <summary>What a guest keeps beside its disks: copied with each set, restored on request, and gone with the set.</summary>
public sealed class FirmwareTests(LabFixture lab) : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private string Nvram => BareDomain.NvramOf(lab, "uefi");

    public void Dispose() => Engine.Observer = null;

    [Fact]
    public void Each_set_keeps_a_private_copy_until_it_is_removed()
    {
        using var domain = Make(isRunning: true);
        var first = Assert.Single(Engine.Take(domain.Domain, "s1"));
        var copy = first.NvramSource!.Path!;
        Assert.Equal(BareDomain.Variables(1), File.ReadAllBytes(copy));
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(copy));
        Assert.Equal(OwnerOnly | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.GetDirectoryName(copy)!));
        Write(2);

        var second = Assert.Single(Engine.Take(domain.Domain, "s2"));
        var definition = XElement.Parse(second.DomainXml!);
        Assert.Equal(("uefi", Nvram), ((string?)definition.Element("name"), (string?)definition.Element("os")?.Element("nvram")));
        Assert.Contains(first.ModifiedDisk!.Source.Path!, second.DomainXml!, StringComparison.Ordinal);
        Assert.DoesNotContain("urn:virtsnapshot:1:set", second.DomainXml!, StringComparison.Ordinal);
        Assert.Equal(
            [(first.NvramSource, first.DomainXml), (second.NvramSource, second.DomainXml)],
            Engine.List(domain.Domain).Select(snapshot => (snapshot.NvramSource, snapshot.DomainXml)));

        Engine.Remove(domain.Domain, first);
        Assert.False(Directory.Exists(Path.GetDirectoryName(copy)));
        Assert.Equal(BareDomain.Variables(2), File.ReadAllBytes(second.NvramSource!.Path!));
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        Assert.False(Directory.Exists(FolderOf(domain)));
    }

    [Fact]
    public void Restoring_brings_them_back_on_request_and_warns_without()
    {
        using var domain = Make();
        Engine.Take(domain.Domain, "s1");
        Write(2);
        File.SetUnixFileMode(Nvram, OwnerOnly | UnixFileMode.GroupRead);
        LabScript.RunProgram("chown", "libvirt-qemu:kvm", Nvram);
        var owner = LabScript.RunProgram("stat", "-c", "%u:%g %a", Nvram);

        var reporter = new HeardReporter();
        Engine.Restore(domain.Domain, Engine.List(domain.Domain), reporter);
        Assert.Contains("use -IncludeFirmware", Assert.Single(reporter.Warnings), StringComparison.Ordinal);
        Assert.Equal(BareDomain.Variables(2), File.ReadAllBytes(Nvram));

        reporter = new HeardReporter();
        var restored = Assert.Single(Engine.Restore(domain.Domain, Engine.List(domain.Domain), reporter, includeFirmware: true));
        Assert.Empty(reporter.Warnings);
        Assert.Equal(BareDomain.Variables(1), File.ReadAllBytes(Nvram));
        Assert.Equal(owner, LabScript.RunProgram("stat", "-c", "%u:%g %a", Nvram));
        Assert.NotNull(restored.DomainXml);
        AssertNothingBeside();
        lab.Virsh("start", domain.Name);
        Engine.Remove(domain.Domain, restored);
    }

    [Fact]
    public void A_copy_that_was_exchanged_is_noticed_and_not_restored()
    {
        using var domain = Make();
        var snapshot = Assert.Single(Engine.Take(domain.Domain, "s1"));
        var copy = snapshot.NvramSource!.Path!;
        File.WriteAllBytes(copy, BareDomain.Variables(9));
        File.AppendAllText(Path.Combine(Path.GetDirectoryName(copy)!, "domain.xml"), "<!-- -->");
        var before = domain.Domain.Xml;

        var listing = new SnapshotListing();
        Assert.Null(Assert.Single(Engine.List(domain.Domain, listing)).DomainXml);
        Assert.Contains("not the definition that was kept", Assert.Single(listing.TakeWarnings()), StringComparison.Ordinal);
        var error = Engine.Refused(() => Engine.Restore(domain.Domain, [snapshot], includeFirmware: true));
        Assert.Equal(("FirmwareInvalid", FailureKind.InvalidData), (error.ErrorId, error.Kind));
        Assert.Contains($"'{copy}' has changed since the snapshot", error.Message, StringComparison.Ordinal);
        Directory.Delete(Path.GetDirectoryName(copy)!, recursive: true);
        Assert.Equal("FirmwareInvalid", Engine.Refused(() => Engine.Restore(domain.Domain, [snapshot], includeFirmware: true)).ErrorId);
        Assert.Equal((before, 1), (domain.Domain.Xml, File.ReadAllBytes(Nvram)[0]));
        Engine.Remove(domain.Domain, snapshot);
    }

    [Fact]
    public void Nothing_but_UEFI_variables_is_copied_or_overwritten()
    {
        using var domain = Make();
        File.WriteAllText(Nvram, "root:secret");
        var reporter = new HeardReporter();
        var snapshot = Assert.Single(Engine.Take(domain.Domain, "s1", reporter: reporter));
        Assert.Contains("does not hold UEFI variables", Assert.Single(reporter.Warnings), StringComparison.Ordinal);
        Assert.Null(snapshot.NvramSource);
        var error = Engine.Refused(() => Engine.Restore(domain.Domain, [snapshot], includeFirmware: true));
        Assert.Equal(("FirmwareNotKept", FailureKind.ObjectNotFound), (error.ErrorId, error.Kind));
        Engine.Remove(domain.Domain, snapshot);

        Write(1);
        snapshot = Assert.Single(Engine.Take(domain.Domain, "s2"));
        File.WriteAllText(Nvram, "root:secret");
        Assert.Equal("FirmwareInvalid", Engine.Refused(() => Engine.Restore(domain.Domain, [snapshot], includeFirmware: true)).ErrorId);
        Assert.Equal("root:secret", File.ReadAllText(Nvram));
        Engine.Remove(domain.Domain, snapshot);
    }

    [Fact]
    public void A_folder_that_is_not_root_s_alone_is_not_used()
    {
        using var domain = Make();
        var aside = Directory.CreateDirectory(Path.Combine(lab.Images, "uefi-aside")).FullName;
        Directory.CreateDirectory(SetFolder.Root, OwnerOnly | UnixFileMode.UserExecute);
        var link = Directory.CreateSymbolicLink(FolderOf(domain), aside);
        try
        {
            var reporter = new HeardReporter();
            var snapshot = Assert.Single(Engine.Take(domain.Domain, "s1", reporter: reporter));
            Assert.Contains("not folders of root alone", Assert.Single(reporter.Warnings), StringComparison.Ordinal);
            Assert.Equal((null, null), (snapshot.NvramSource, snapshot.DomainXml));
            Assert.Empty(Directory.GetFiles(aside, "*", SearchOption.AllDirectories));
            Engine.Remove(domain.Domain, snapshot);
        }
        finally
        {
            link.Delete();
            Directory.Delete(aside, recursive: true);
        }
    }

    [Theory]
    [InlineData(RunStep.Prepared, RepairAction.Undone)]
    [InlineData(RunStep.Taken, RepairAction.Finished)]
    public void A_run_that_dies_leaves_no_copies_without_a_set(object step, RepairAction expected)
    {
        using var domain = Make();
        Die(domain, new CrashTestRequest { Work = CrashTestWork.Snapshot, Name = "s1", Step = (RunStep)step, Quiescence = Quiescing.Quiescence.None });
        Assert.True(Directory.Exists(FolderOf(domain)));

        Assert.Equal(expected, Repair(domain));

        var snapshots = Engine.List(domain.Domain);
        Assert.Equal(expected == RepairAction.Finished ? 1 : 0, snapshots.Count);
        Assert.Equal(snapshots.Count > 0, Directory.Exists(FolderOf(domain)));
        Assert.All(snapshots, snapshot => Assert.Equal(BareDomain.Variables(1), File.ReadAllBytes(snapshot.NvramSource!.Path!)));
        Assert.All(snapshots, snapshot => Assert.NotNull(snapshot.DomainXml));
        if (snapshots.Count > 0)
        {
            Die(domain, new CrashTestRequest { Work = CrashTestWork.Removal, Name = "s1", Step = RunStep.CatalogRewritten });
            Assert.True(Directory.Exists(FolderOf(domain)));
            Assert.Equal(RepairAction.Finished, Repair(domain));
            Assert.False(Directory.Exists(FolderOf(domain)));
        }
    }

    [Fact]
    public void A_run_that_is_undone_takes_its_copies_along()
    {
        using var domain = Make();
        Engine.Observer = step => _ = step == RunStep.Prepared ? throw new IOException("full") : 0;
        Assert.Equal("HostFailure", Engine.Refused(() => Engine.Take(domain.Domain, "s1")).ErrorId);
        Assert.False(Directory.Exists(FolderOf(domain)));
    }

    [Theory]
    [InlineData(RunStep.StateCopied, RepairAction.Undone)]
    [InlineData(RunStep.StateSwitched, RepairAction.Undone)]
    [InlineData(RunStep.DiskSwitched, RepairAction.Finished)]
    [InlineData(RunStep.AllSwitched, RepairAction.Finished)]
    public void A_restore_that_dies_is_undone_or_finished_with_them(object step, RepairAction expected)
    {
        using var domain = Make();
        Engine.Take(domain.Domain, "s1");
        Write(2);
        Die(domain, new CrashTestRequest { Work = CrashTestWork.Restore, Name = "s1", Step = (RunStep)step, IncludesFirmware = true });

        Assert.Equal(expected, Repair(domain));

        Assert.Equal(BareDomain.Variables(expected == RepairAction.Finished ? (byte)1 : (byte)2), File.ReadAllBytes(Nvram));
        AssertNothingBeside();
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
    }

    [Fact]
    public void What_a_guest_wrote_to_them_meanwhile_is_kept_when_a_restore_is_undone()
    {
        using var domain = Make();
        Engine.Take(domain.Domain, "s1");
        Write(2);
        Engine.Observer = step =>
        {
            if (step == RunStep.StateSwitched)
            {
                Engine.Observer = null;
                Write(3);
                throw new IOException("full");
            }
        };

        var error = Engine.Refused(() => Engine.Restore(domain.Domain, Engine.List(domain.Domain), includeFirmware: true));

        Assert.Contains("holds what the guest has written", error.Message, StringComparison.Ordinal);
        Assert.Equal(BareDomain.Variables(2), File.ReadAllBytes(Nvram));
        var written = Assert.Single(Directory.GetFiles(lab.Images, "uefi-nvram.fd*-written"));
        Assert.Equal(BareDomain.Variables(3), File.ReadAllBytes(written));
        Assert.Equal(RepairAction.Incomplete, Repair(domain));
        File.Delete(written);
        Assert.Equal(RepairAction.Undone, Repair(domain));
        AssertNothingBeside();
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
    }

    private static string FolderOf(BareDomain domain) => $"{SetFolder.Root}/{domain.Domain.Uuid:D}";

    private static RepairAction Repair(BareDomain domain)
    {
        using var plan = Engine.Current.PlanRepair(domain.Domain, null, new HeardReporter(), TestContext.Current.CancellationToken)!;
        return plan.Run(TestContext.Current.CancellationToken).Action;
    }

    private BareDomain Make(bool isRunning = false) => new(lab, "uefi", isRunning: isRunning, firmware: BareDomain.Uefi(lab, "uefi", 1));

    private void Die(BareDomain domain, CrashTestRequest request) => CrashTestProcess.Die(lab, domain.Name, request);

    /// <summary>As a guest does: into the file that is there.</summary>
    private void Write(byte content)
    {
        using var file = new FileStream(Nvram, FileMode.Open, FileAccess.Write);
        file.SetLength(0);
        file.Write(BareDomain.Variables(content));
    }

    private void AssertNothingBeside() => Assert.Equal([Nvram], Directory.GetFiles(lab.Images, "uefi-nvram*"));
}
