using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Faults;
using VirtSnapshot.Tests.Forged;
using VirtSnapshot.Tests.Lab;
using VirtSnapshot.Tests.Storage;
using Xunit;

namespace VirtSnapshot.Tests.Conformance;

/// <summary>The suite for a method whose storage can be made on this machine: a file system on a loop device. Here domains run as well.</summary>
public abstract class LocalConformance : MethodConformance, IDisposable
{
    private readonly LabFixture lab;
    private readonly Stack<IDisposable> made = new();
    private LoopFileSystem? mount;
    private int defined;

    protected LocalConformance(LabFixture lab) => this.lab = lab;

    /// <summary>The file system of the test, made when it is asked for first.</summary>
    private protected LoopFileSystem Mount => mount ??= Keep(new LoopFileSystem(lab.Images, $"conformance-{Traits.Method}", MakeFileSystem, FileSystemSize));

    private protected LabFixture Lab => lab;

    /// <summary>The command that makes the file system, without the device.</summary>
    private protected abstract IReadOnlyList<string> MakeFileSystem { get; }

    private protected virtual string FileSystemSize => "96M";

    /// <summary>Whether the file system has space for snapshots again as soon as a file is deleted that filled it.</summary>
    private protected virtual bool ReusesSpace => true;

    /// <summary>The format of the method's disks: raw or qcow2.</summary>
    private protected virtual string Format => "raw";

    /// <summary>Names of folders and images that a shell, a tool or libvirt could misunderstand.</summary>
    private protected virtual IReadOnlyList<string> HostileNames { get; } =
        ["with space and 'quotes\" $(id) `id` \\", "-r", "--help", "zeilen\num\tbruch", "größer 🐘 [x]"];

    public void Dispose()
    {
        while (made.TryPop(out var last))
        {
            last.Dispose();
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>A folder for images on the file system, as the method needs it.</summary>
    private protected virtual string MakeFolder(string name) => Directory.CreateDirectory(Path.Combine(Mount.Folder, name)).FullName;

    /// <summary>The whole snapshot that a backup source is, or is in.</summary>
    private protected virtual void Destroy(DiskSnapshot snapshot) => File.Delete(snapshot.BackupSource.Path!);

    /// <summary>Puts the snapshots out of sight, as after a boot without the storage, until the result is disposed of.</summary>
    private protected virtual IDisposable Hide()
    {
        LabScript.RunProgram("umount", Mount.Folder);
        return new Undo(() => LabScript.RunProgram("mount", Mount.Device, Mount.Folder));
    }

    private protected override MethodDomain Make(int own, bool hasOther = false) => Define(MakeFolder("vms"), own, hasOther);

    [Fact]
    [Trait("Debian13", "yes")]
    public override void Snapshots_hold_what_was_there_and_go_in_any_order() => base.Snapshots_hold_what_was_there_and_go_in_any_order();

    [Fact]
    public void A_snapshot_of_a_running_domain_holds_what_was_there_while_it_writes_on()
    {
        var domain = (LocalDomain)Make(1, hasOther: true);
        domain.Write(1);
        var before = domain.ReadDisks();
        var storage = domain.Storage();
        Take(domain, "off", ["vda"]);
        domain.Start();
        domain.Write(2);
        if (Traits.RunningError is { } error)
        {
            Assert.Equal(error, Engine.Refused(() => Take(domain, "live", ["vda"])).ErrorId);
            domain.Suspend();
            Assert.Equal(error, Engine.Refused(() => Take(domain, "live", ["vda"])).ErrorId);
            Assert.Equal(error, Engine.RemovalRefused(domain.Domain, domain.Snapshots).ErrorId);
            Assert.Equal("DomainRunning", Engine.Refused(() => Engine.Restore(domain.Domain, "off")).ErrorId);
            Assert.Null(RunJournal.Read(domain.Domain));
            Assert.Equal(before[..1], domain.Read(domain.Snapshots));
            domain.Stop();
        }
        else
        {
            // By itself: what QEMU still holds back is flushed while the vCPUs are paused. An overlay needs no pause.
            var alone = Assert.Single(Take(domain, "alone", ["vda"]));
            Assert.Equal((Traits.ChangesDisk ? Consistency.CrashConsistent : Consistency.Paused, SnapshotState.Available), (alone.Consistency, alone.State));
            Engine.Remove(domain.Domain, alone);

            // The other method's disk joins the set: its snapshot is of the same moment.
            Engine.Settings.Set(domain.Domain, [DiskSelector.Parse("vda")], DiskSnapshotMethod.Parse(Traits.Method));
            Engine.Settings.Set(domain.Domain, [DiskSelector.Parse("vdb")], DiskSnapshotMethod.Parse(Traits.RunningOther));
            var set = Engine.Take(domain.Domain, "live");
            Assert.All(set, snapshot => Assert.Equal((Consistency.CrashConsistent, SnapshotState.Available), (snapshot.Consistency, snapshot.State)));
            var live = domain.Read(set);
            Assert.NotEqual(before, live);
            domain.Write(3);
            Assert.Equal(live, domain.Read(domain.Named("live")));
            Assert.Equal(before[..1], domain.Read(domain.Named("off")));
            Assert.Equal("DomainRunning", Engine.Refused(() => Engine.Restore(domain.Domain, "live")).ErrorId);
            Engine.Remove(domain.Domain, domain.Named("off"));
            Assert.Equal(live, domain.Read(domain.Named("live")));
            domain.Stop();
            Engine.Restore(domain.Domain, "live");
            Assert.Equal(live, domain.ReadDisks());

            // QEMU opens what was put in the disks' place, and writes there.
            domain.Start();
            domain.Write(4);
            Engine.Remove(domain.Domain, domain.Snapshots);
            domain.Stop();
            Assert.NotEqual(live, domain.ReadDisks());
        }

        Engine.Remove(domain.Domain, domain.Snapshots);
        AssertNothingLeft(domain);
        AssertSameStorage(domain, storage);
    }

    [Fact]
    public void A_disk_that_cannot_be_restored_safely_is_refused_and_nothing_is_touched()
    {
        var domain = (LocalDomain)Make(1);
        domain.Write(1);
        Take(domain, "s1");
        domain.Write(2);
        var image = domain.Domain.Disks[0].Source.Path!;
        AssertRefused("DomainRunning", () =>
        {
            domain.Start();
            return new Undo(domain.Stop);
        });
        AssertRefused("SourceInUse", () => File.Open(image, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        AssertRefused("SourceShared", () => new BareDomain(lab, "conformance-user", [BareDomain.FileDisk(image, "vda", Format)], isRunning: false));
        AssertRefused("SourceShared", () =>
        {
            var clone = Path.Combine(Path.GetDirectoryName(image)!, "clone.qcow2");
            LabScript.RunProgram("qemu-img", "create", "-q", "-f", "qcow2", "-b", image, "-F", Format, clone);
            return new Undo(() => File.Delete(clone));
        });
        if (!Traits.ChangesDisk)
        {
            AssertRefused("SourceDiffers", () =>
            {
                var newer = Engine.Take(domain.Domain, "newer", method: "qemu");
                return new Undo(() => Engine.Remove(domain.Domain, newer));
            });
        }

        Engine.Restore(domain.Domain, "s1");
        Engine.Remove(domain.Domain, domain.Snapshots);
        AssertNothingLeft(domain);

        void AssertRefused(string errorId, Func<IDisposable> prevent)
        {
            using (prevent())
            {
                RefreshStorage();
                var before = (domain.Domain.Xml, string.Join('\n', domain.Storage()));
                var error = Engine.Refused(() => Engine.Restore(domain.Domain, domain.Named("s1")));
                Assert.Equal(errorId, error.ErrorId);
                Assert.Contains("Nothing was touched", error.Message, StringComparison.Ordinal);
                Assert.Equal(before, (domain.Domain.Xml, string.Join('\n', domain.Storage())));
            }
        }
    }

    [Fact]
    public void Snapshots_that_are_out_of_sight_are_not_forgotten()
    {
        var domain = Make(1);
        domain.Write(1);
        var (storage, content) = (domain.Storage(), domain.ReadDisks());
        Take(domain, "kept");
        Take(domain, "one");
        using (Hide())
        {
            Assert.All(domain.Snapshots, snapshot => Assert.NotEqual(SnapshotState.Available, snapshot.State));
            if (!Traits.ChangesDisk)
            {
                Assert.Equal("SourceMissing", Engine.RemovalRefused(domain.Domain, domain.Named("one")).ErrorId);
            }
        }

        // Where the removal had begun, it is finished now.
        Repair(domain.Domain);
        Assert.Equal(content, domain.Read(domain.Named("kept")));
        Engine.Remove(domain.Domain, domain.Snapshots);
        AssertNothingLeft(domain, storage);

        if (Traits.ChangesDisk)
        {
            // The overlay that the disk goes on in is the domain's: it is found again without a journal.
            return;
        }

        // Neither is what a run that died has made.
        Kill(domain, new CrashTestRequest { Work = CrashTestWork.Snapshot, Method = Traits.Method, Step = RunStep.Taken });
        using (Hide())
        {
            Assert.Equal(RepairAction.Incomplete, Repair(domain.Domain)!.Action);
        }

        AssertRepaired(domain, RunStep.Taken, RepairAction.Undone);
        AssertNothingLeft(domain, storage);
    }

    [Fact]
    public void Without_free_space_it_is_refused_or_undone()
    {
        var domain = Make(2);
        domain.Write(1);
        var (storage, content) = (domain.Storage(), domain.ReadDisks());
        var filler = Path.Combine(Mount.Folder, "filler");
        AssertNoSpace(Fill);
        if (!ReusesSpace)
        {
            return;
        }

        // It is filled after planning, before the snapshot is made.
        AssertNoSpace(() => Engine.Observer = step =>
        {
            if (step == RunStep.Journaled)
            {
                Fill();
            }
        });
        Engine.Remove(domain.Domain, Take(domain, "one"));
        AssertNothingLeft(domain, storage);

        void AssertNoSpace(Action fill)
        {
            try
            {
                fill();
                var error = Engine.Refused(() => Take(domain, "full"));
                Assert.Equal((FailureKind.QuotaExceeded, "NoSpace"), (error.Kind, error.ErrorId));
            }
            finally
            {
                Engine.Observer = null;
                File.Delete(filler);
                LabScript.RunProgram("sync", "-f", Mount.Folder);
            }

            AssertNothingLeft(domain, storage);
            Assert.Equal(content, domain.ReadDisks());
        }

        void Fill()
        {
            LabScript.TryRunProgram("fallocate", "-l", $"{(new DriveInfo(Mount.Folder).AvailableFreeSpace >> 20) - 1}MiB", filler);
            foreach (var size in new[] { "64k", "4k" })
            {
                LabScript.TryRunProgram("dd", "if=/dev/zero", $"of={filler}", $"bs={size}", "oflag=append", "conv=notrunc,fsync");
            }
        }
    }

    [Fact]
    public void Names_are_only_names()
    {
        foreach (var name in HostileNames)
        {
            var domain = Define(MakeFolder(name), 1, hasOther: false, name);
            domain.Write(1);
            var (storage, content) = (domain.Storage(), domain.ReadDisks());
            var set = Take(domain, "one");
            Assert.Equal((name, content[0]), (name, domain.Read(set)[0]));
            Assert.Equal((name, SnapshotState.Available), (name, domain.Snapshots[0].State));
            if (name == HostileNames[0])
            {
                domain.Write(2);
                Engine.Restore(domain.Domain, "one");
                Assert.Equal(content[0], domain.ReadDisks()[0]);
            }

            Engine.Remove(domain.Domain, domain.Snapshots);
            AssertNothingLeft(domain);
            AssertSameStorage(domain, storage);
        }
    }

    /// <summary>Lets the method see files that were made behind its back, where it must be told of them.</summary>
    private protected virtual void RefreshStorage()
    {
    }

    private protected LocalDomain Define(string folder, int own, bool hasOther, string image = "disk")
    {
        var disks = Enumerable.Range(0, own).Select(number => (Image: Path.Combine(folder, $"{image}{number}.{Format}"), Format)).ToList();
        if (hasOther)
        {
            disks.Add((Path.Combine(Keep(new TestFolder(Path.Combine(lab.Images, "conformance-other"))).Path, "other.qcow2"), "qcow2"));
        }

        foreach (var (path, format) in disks)
        {
            File.Delete(path);
            LabScript.RunProgram("qemu-img", "create", "-q", "-f", format, "--", path, "8M");
        }

        RefreshStorage();
        return Keep(new LocalDomain(lab, $"conformance{++defined}", disks, Destroy));
    }

    private protected T Keep<T>(T something)
        where T : IDisposable
    {
        made.Push(something);
        return something;
    }
}
