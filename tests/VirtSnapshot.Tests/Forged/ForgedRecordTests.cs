using System.Net.Sockets;
using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Methods.LibvirtVolume;
using VirtSnapshot.Methods.Qemu;
using VirtSnapshot.Methods.QemuInternal;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using VirtSnapshot.Tests.Methods.LibvirtVolume;
using Xunit;

namespace VirtSnapshot.Tests.Forged;

/// <summary>Records and journals whose identity is right, and which name what is not the domain's.</summary>
public sealed class ForgedRecordTests(LabFixture lab) : ForgedTest(lab)
{
    /// <summary>What a writer of metadata would like to be deleted, read or used.</summary>
    public static TheoryData<string> Things => ["secret", "empty", "socket", "fifo", "device", "link", "folder", "overlay of another domain", "linked clone"];

    [Theory]
    [MemberData(nameof(Things))]
    public void A_removal_journal_deletes_nothing_that_is_not_an_overlay_of_its_set(string kind)
    {
        var (folder, domain) = QcowDomain();
        var thing = Make(kind, folder);
        foreach (var stem in new[] { Path.GetFileNameWithoutExtension(thing), "a" })
        {
            var record = Record(domain.Domain, "qemu", OverlayData.ToElement(thing, stem));
            WriteJournal(domain.Domain, RunOperation.Removal, Entry(record) with { WasRecorded = true });
            var before = Evidence(folder);
            Assert.Equal(RepairAction.Incomplete, TryRepair(domain.Domain)!.Action);
            Assert.Equal(before, Evidence(folder));

            // As the way in without repair: a record that says the same.
            WriteSet(domain.Domain, record.Set!, record);
            var snapshot = Assert.Single(Recorded(domain.Domain));
            Assert.Equal((SnapshotState.Foreign, (string?)null), (snapshot.State, snapshot.BackupSource.Path));
            Assert.Equal("UnfinishedRun", Engine.Refused(() => Engine.TryRemove(domain.Domain, [snapshot], cancellation: Token)).ErrorId);
            ClearJournal(domain.Domain);
            Engine.Remove(domain.Domain, snapshot);
            Assert.Empty(Recorded(domain.Domain));
            Assert.Equal(before, Evidence(folder));
        }
    }

    [Theory]
    [InlineData("secret")]
    [InlineData("empty")]
    [InlineData("overlay of another domain")]
    public void The_instance_of_a_running_domain_proves_nothing(string kind)
    {
        var (folder, domain) = QcowDomain();
        var thing = Make(kind, folder);
        Lab.Virsh("start", domain.Name);
        var record = Record(domain.Domain, "qemu", OverlayData.ToElement(thing, Path.GetFileNameWithoutExtension(thing)));
        WriteSet(domain.Domain, record.Set!, record);
        WriteJournal(domain.Domain, RunOperation.Removal, Entry(record) with { WasRecorded = true, Instance = InstanceOf(domain.Domain) });
        var before = Evidence(folder);
        Assert.Equal("UnfinishedRun", Engine.Refused(() => Engine.TryRemove(domain.Domain, Recorded(domain.Domain), cancellation: Token)).ErrorId);
        Assert.Equal(RepairAction.Incomplete, TryRepair(domain.Domain)!.Action);
        ClearJournal(domain.Domain);
        Engine.Remove(domain.Domain, Recorded(domain.Domain));
        Assert.Equal(before, Evidence(folder));
    }

    [Theory]
    [MemberData(nameof(Things))]
    public void A_snapshot_journal_deletes_nothing_that_the_run_did_not_make(string kind)
    {
        var (folder, domain) = QcowDomain();
        var thing = Make(kind, folder);
        foreach (var stem in new[] { Path.GetFileNameWithoutExtension(thing), "a" })
        {
            WriteJournal(domain.Domain, RunOperation.Snapshot, Entry(Record(domain.Domain, "qemu", OverlayData.ToElement(thing, stem))));
            var before = Evidence(folder);
            Assert.Equal(RepairAction.Incomplete, TryRepair(domain.Domain)!.Action);
            Assert.Equal(before, Evidence(folder));
        }
    }

    /// <summary>A run may die between making a file and writing its header, and only then it is empty.</summary>
    [Fact]
    public void Of_empty_files_only_the_one_that_the_run_would_have_made_is_deleted()
    {
        var (folder, domain) = QcowDomain();
        var mine = Path.Combine(folder, "a.one.qcow2");
        var theirs = Path.Combine(folder, "other.one.qcow2");
        foreach (var (file, stem, isDeleted) in new[] { (theirs, "other", false), (mine, "a", true) })
        {
            File.WriteAllBytes(file, []);
            WriteJournal(domain.Domain, RunOperation.Snapshot, Entry(Record(domain.Domain, "qemu", OverlayData.ToElement(file, stem))));
            Assert.Equal(isDeleted ? RepairAction.Undone : RepairAction.Incomplete, TryRepair(domain.Domain)!.Action);
            Assert.Equal(isDeleted, !File.Exists(file));
        }
    }

    [Theory]
    [InlineData("Restore")]
    [InlineData("RestoreEnding")]
    public void A_restore_journal_neither_deletes_old_overlays_that_are_not_ours_nor_gives_the_disk_another_one(string operation)
    {
        var (folder, domain) = QcowDomain();
        Engine.Take(domain.Domain, "one", method: "qemu");
        var genuine = RecordOf(domain.Domain);
        foreach (var kind in Things.Select(row => row.Data))
        {
            var thing = Make(kind, folder);
            var forged = genuine with { Data = OverlayData.ToElement(thing, Path.GetFileNameWithoutExtension(thing)) };
            foreach (var entries in new JournalEntry[][]
            {
                [Entry(forged) with { Becomes = genuine }],
                [Entry(genuine) with { Becomes = forged }],
                [Entry(forged) with { Becomes = forged }],
                [Entry(genuine) with { Becomes = genuine }, Entry(forged) with { IsLost = true }],
            })
            {
                WriteJournal(domain.Domain, Enum.Parse<RunOperation>(operation), entries);
                var before = Evidence(folder);
                var definition = Lab.Virsh("dumpxml", domain.Name);
                Assert.Equal((kind, RepairAction.Incomplete), (kind, TryRepair(domain.Domain)!.Action));
                Assert.Equal(before, Evidence(folder));
                Assert.Equal(definition, Lab.Virsh("dumpxml", domain.Name));
            }
        }

        ClearJournal(domain.Domain);
        Engine.Remove(domain.Domain, Recorded(domain.Domain));
    }

    /// <summary>With free paths, a restore would copy a file of root into the disk, or the disk over a file of root.</summary>
    [Theory]
    [InlineData("Restore")]
    [InlineData("RestoreEnding")]
    [InlineData("Snapshot")]
    [InlineData("Removal")]
    public void A_journal_with_a_free_reflink_entry_reads_and_overwrites_nothing(string operation)
    {
        var folder = Xfs().Folder;
        var domain = Define(Disk(Raw(folder, "a.raw")));
        var (secret, other) = (Make("secret", folder), Raw(folder, "other.raw", 7));
        Engine.Take(domain.Domain, "one", method: "reflink");
        var genuine = RecordOf(domain.Domain);
        var copy = (string)genuine.Data.Attribute("at")!;
        var records = new List<SnapshotRecord>();
        foreach (var path in new[] { secret, other, "/etc/passwd" })
        {
            var label = Path.Combine(Path.GetDirectoryName(path)!, Path.GetFileName(copy));
            records.AddRange(
            [
                Forge(volume: path, at: path),
                Forge(volume: path, at: copy),
                Forge(volume: path, at: label) with { Source = DiskSource.ForPath(label, "raw", false) },
                Forge(at: path) with { Source = DiskSource.ForPath(path, "raw", false) },
                Forge() with { Source = DiskSource.ForPath(path, "raw", false) },
                Forge(volume: path, at: copy) with { Image = path },

                // A disk that the domain does not have cannot contradict.
                Forge(volume: path, at: copy) with { Image = path, Target = "vdz" },
                Forge(volume: path, at: label) with { Image = path, Target = "vdz", Source = DiskSource.ForPath(label, "raw", false) },
            ]);
        }

        foreach (var record in records)
        {
            WriteJournal(domain.Domain, Enum.Parse<RunOperation>(operation),
                Entry(record) with { Becomes = operation.StartsWith("Restore", StringComparison.Ordinal) ? record : null, WasRecorded = true });
            var before = Evidence(folder);
            var passwords = ImageDigest.OfFile("/etc/passwd");
            var result = TryRepair(domain.Domain)!;

            // What is named as ours may go: it is the domain's own.
            if (!File.Exists(copy))
            {
                Assert.Equal("vdz", record.Target);
                Engine.Remove(domain.Domain, Recorded(domain.Domain));
                Engine.Take(domain.Domain, "one", method: "reflink");
                return;
            }

            Assert.Equal(before, Evidence(folder));
            Assert.Equal(passwords, ImageDigest.OfFile("/etc/passwd"));
            var isKnown = result.Action == RepairAction.Incomplete || (operation == "Snapshot" && result.Action == RepairAction.Cleared)
                || record.Target == "vdz";
            Assert.True(isKnown, $"{result.Action}: {record.ToElement()}");
        }

        SnapshotRecord Forge(string? volume = null, string? at = null)
        {
            var data = new XElement(genuine.Data);
            data.SetAttributeValue("volume", volume ?? (string)data.Attribute("volume")!);
            data.SetAttributeValue("at", at ?? (string)data.Attribute("at")!);
            data.SetAttributeValue("name", at ?? (string)data.Attribute("name")!);
            return genuine with { Data = data };
        }
    }

    /// <summary>An interrupted restore keeps the old image under a name that a forged disk could spell alike.</summary>
    [Theory]
    [InlineData("Restore")]
    [InlineData("RestoreEnding")]
    public void A_disk_that_the_domain_does_not_have_is_never_restored(string operation)
    {
        var folder = Xfs().Folder;
        var domain = Define(Disk(Raw(folder, "a.raw")));
        var other = Raw(folder, "other.raw", 7);
        Engine.Take(domain.Domain, "one", method: "reflink");
        var genuine = RecordOf(domain.Domain);
        File.WriteAllText(Path.Combine(folder, $".virtsnapshot-restore-{genuine.Set!.Group:N}-vda.old"), "what an interrupted restore has kept");
        var data = new XElement(genuine.Data);
        data.SetAttributeValue("volume", other);
        var forged = genuine with { Target = "vd-a", Image = other, Data = data };
        var unswitched = genuine with { Target = "vd-b", Image = other, Data = data };
        WriteJournal(domain.Domain, Enum.Parse<RunOperation>(operation), Entry(forged) with { Becomes = forged },
            Entry(unswitched) with { Becomes = unswitched });
        var before = Evidence(folder);
        Assert.Equal(RepairAction.Incomplete, TryRepair(domain.Domain)!.Action);
        Assert.Equal(before, Evidence(folder));
    }

    /// <summary>A snapshot of a file system holds other domains' images as well.</summary>
    [Fact]
    public void A_record_of_a_disk_that_the_domain_does_not_have_is_no_way_into_a_shared_snapshot()
    {
        Btrfs(out var folder);
        var domain = Define(Disk(Raw(folder, "a.raw")));
        var other = Raw(folder, "other.raw", 7);
        Engine.Take(domain.Domain, "one", method: "btrfs");
        var genuine = RecordOf(domain.Domain);
        var inside = genuine.Source.Path!.Replace("a.raw", "other.raw", StringComparison.Ordinal);
        Assert.True(File.Exists(inside));
        foreach (var target in new[] { "vda", "vdz" })
        {
            WriteSet(domain.Domain, genuine.Set!, genuine with { Target = target, Image = other, Source = DiskSource.ForPath(inside, "raw", false) });
            var snapshot = Assert.Single(Recorded(domain.Domain));
            Assert.NotEqual(SnapshotState.Available, snapshot.State);
            Assert.Null(snapshot.BackupSource.Path);
        }

        // What is ours is deleted all the same.
        Engine.Remove(domain.Domain, Recorded(domain.Domain));
        AssertNothingLeft(domain.Domain);
        Assert.True(File.Exists(other));
    }

    [Theory]
    [InlineData("Restore")]
    [InlineData("RestoreEnding")]
    public void A_replacement_of_volumes_neither_deletes_nor_uses_an_unrelated_volume_of_the_pool(string operation)
    {
        var folder = Xfs().Folder;
        var domain = Define(Disk(Raw(folder, "a.raw")));
        Raw(folder, "other.raw", 7);
        using var pool = new RunningPool(Lab, folder);
        Engine.Take(domain.Domain, "one", method: "libvirt-volume");
        var genuine = RecordOf(domain.Domain);
        var group = genuine.Set!.Group;
        string In(string name) => Path.Combine(folder, name);
        var after = VolumeReplacement.NameAfter("other.raw", group);
        foreach (var succession in new[]
        {
            new VolumeReplacement(RunningPool.Name, "other.raw", In("other.raw"), "a.raw", In("a.raw"), false, false),
            new VolumeReplacement(RunningPool.Name, after, In(after), "other.raw", In("other.raw"), false, false),
            new VolumeReplacement(RunningPool.Name, after, In("a.raw"), "other.raw", In("other.raw"), false, false),
            new VolumeReplacement(RunningPool.Name, "a.raw", In("a.raw"), "other.raw", In("other.raw"), false, false),
            new VolumeReplacement(RunningPool.Name, "a.raw", In("a.raw"), "other.raw", In("other.raw"), true, true),
            new VolumeReplacement("elsewhere", after, In(after), "other.raw", In("other.raw"), true, false),
        })
        {
            var record = succession.AddTo(genuine);
            WriteJournal(domain.Domain, Enum.Parse<RunOperation>(operation), Entry(record) with { Becomes = genuine with { Image = succession.Path } });
            var before = Evidence(folder);
            var disks = domain.Domain.Disks[0].Xml;
            TryRepair(domain.Domain);
            Assert.Equal(before, Evidence(folder));
            Assert.Equal(disks, domain.Domain.Disks[0].Xml);
            ClearJournal(domain.Domain);
        }
    }

    /// <summary>Path and element of a source are two statements, and only one of them is what a later restore writes into the definition.</summary>
    [Theory]
    [InlineData("<source pool='volumes pool' volume='other.qcow2'/>", "volume")]
    [InlineData("<source file='/etc/shadow'/>", "file")]
    [InlineData("<source dev='/dev/zero'/>", "block")]
    [InlineData("<source protocol='nbd' name='other'><host name='elsewhere' port='1'/></source>", "network")]
    [InlineData("<source file='REAL'><slices><slice type='storage' offset='0' size='1'/></slices></source>", "file")]
    [InlineData("<source file='REAL'><encryption format='luks'><secret type='passphrase' usage='other'/></encryption></source>", "file")]
    public void The_source_of_a_restored_disk_is_the_one_in_its_chain_whatever_the_record_says(string source, string type)
    {
        var (folder, domain) = QcowDomain();
        Qcow2(folder, "other.qcow2", content: 7);
        using var pool = new RunningPool(Lab, folder);
        Engine.Take(domain.Domain, "one", method: "qemu");
        var genuine = RecordOf(domain.Domain);
        var real = genuine.Source.Path!;
        var before = ImageDigest.OfFile(Path.Combine(folder, "other.qcow2"));
        var forged = genuine with
        {
            Source = genuine.Source with { Type = Enum.Parse<DiskSourceType>(type, ignoreCase: true), Path = real,
                Xml = source.Replace("REAL", real, StringComparison.Ordinal) },
        };
        WriteSet(domain.Domain, genuine.Set!, forged);
        var shown = Recorded(domain.Domain).Single(snapshot => snapshot.Name == "one");
        Assert.True(shown.State != SnapshotState.Available || (shown.BackupSource.Path == real && !XElement.Parse(shown.BackupSource.Xml).HasElements),
            shown.BackupSource.Xml);
        foreach (var act in new Action[] { () => Engine.Restore(domain.Domain, [shown]), () => Engine.TryRemove(domain.Domain, [shown], cancellation: Token) })
        {
            try
            {
                act();
            }
            catch (VirtSnapshotException)
            {
                // A refusal is as good.
            }

            Assert.All(ChainOf(domain.Domain), layer => Assert.Contains(layer, new[] { real, $"{folder}/a.one.qcow2", $"{folder}/a.one.restored-1.qcow2" }));
        }

        Assert.Equal(before, ImageDigest.OfFile(Path.Combine(folder, "other.qcow2")));
    }

    /// <summary>The layers of a disk are images that back on each other, whoever made them.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_linked_clone_is_not_merged_into_its_template(bool isRunning)
    {
        var folder = Keep(new TestFolder(Path.Combine(Lab.Images, "forged"))).Path;
        var template = Qcow2(folder, "template.qcow2");
        var clone = Qcow2(folder, "web.one.qcow2", "template.qcow2");
        BareDomain.WriteOffline(clone, 9);
        var domain = Define(Disk(clone, format: "qcow2"));
        if (isRunning)
        {
            Lab.Virsh("start", domain.Name);
        }

        var before = ImageDigest.OfFile(template);
        var set = Identity(domain.Domain);
        var record = new SnapshotRecord("vda", "qemu", DiskSource.ForPath(template, "qcow2", false), OverlayData.ToElement(clone, "web")) { Set = set,
            Image = template };
        WriteSet(domain.Domain, set, record);
        var snapshot = Assert.Single(Recorded(domain.Domain));
        Assert.Equal(SnapshotState.Foreign, snapshot.State);
        if (!isRunning)
        {
            Assert.Equal("SnapshotForeign", Engine.Refused(() => Engine.Restore(domain.Domain, [snapshot])).ErrorId);
        }

        WriteJournal(domain.Domain, RunOperation.Removal, Entry(record) with { WasRecorded = true, Instance = InstanceOf(domain.Domain) });
        Assert.Equal(RepairAction.Incomplete, TryRepair(domain.Domain)!.Action);
        ClearJournal(domain.Domain);
        Engine.Remove(domain.Domain, snapshot);
        Assert.Equal(before, ImageDigest.OfFile(template));
        Assert.Equal(clone, domain.Domain.Disks[0].Source.Path);
        Assert.True(File.Exists(clone));
    }

    /// <summary>A raw disk that is opened as qcow2 is opened by what its guest has written into it, backing file and all.</summary>
    [Theory]
    [InlineData("qemu", "raw", "qcow2")]
    [InlineData("qemu", "qcow2", "raw")]
    [InlineData("reflink", "raw", "qcow2")]
    [InlineData("reflink", "qcow2", "raw")]
    [InlineData("libvirt-volume", "raw", "qcow2")]
    [InlineData("libvirt-volume", "qcow2", "raw")]
    public void The_format_is_the_disk_s_whatever_the_record_says(string method, string format, string forged)
    {
        var folder = Xfs().Folder;
        var domain = Define(Disk(format == "raw" ? Raw(folder, "a.img") : Qcow2(folder, "a.img"), format: format));
        using var pool = new RunningPool(Lab, folder);
        Engine.Take(domain.Domain, "one", method: method);
        var genuine = RecordOf(domain.Domain);
        var data = new XElement(genuine.Data);
        data.Attribute("format")?.SetValue(forged);
        WriteSet(domain.Domain, genuine.Set!, genuine with { Data = data, Source = genuine.Source with { Format = forged } });
        var shown = Recorded(domain.Domain).Single();
        Assert.Equal((SnapshotState.Available, format), (shown.State, shown.BackupSource.Format));
        Engine.Restore(domain.Domain, [shown]);
        Assert.Equal(method == "qemu" ? "qcow2" : format, domain.Domain.Disks[0].Format);
        if (method == "qemu")
        {
            Assert.Contains($"\"backing-filename-format\": \"{format}\"",
                LabScript.RunProgram("qemu-img", "info", "--output=json", domain.Domain.Disks[0].Source.Path!), StringComparison.Ordinal);
        }

        Engine.Remove(domain.Domain, Recorded(domain.Domain));
        Assert.Equal(format, domain.Domain.Disks[0].Format);
    }

    [Theory]
    [InlineData("../../outside/a")]
    [InlineData("..")]
    [InlineData("")]
    [InlineData("a.one")]
    public void The_stem_of_a_record_leads_no_new_overlay_out_of_the_folder(string stem)
    {
        var (folder, domain) = QcowDomain();
        Directory.CreateDirectory(Path.Combine(folder, "..", "outside"));
        Engine.Take(domain.Domain, "one", method: "qemu");
        var genuine = RecordOf(domain.Domain);
        WriteSet(domain.Domain, genuine.Set!, genuine with { Data = OverlayData.ToElement(OverlayData.PathOf(genuine), stem) });
        var before = Directory.GetFiles(Path.GetDirectoryName(folder)!, "*", SearchOption.AllDirectories).ToHashSet(StringComparer.Ordinal);
        Engine.Take(domain.Domain, "two", method: "qemu");
        var made = Assert.Single(Directory.GetFiles(Path.GetDirectoryName(folder)!, "*", SearchOption.AllDirectories), file => !before.Contains(file));
        Assert.Equal(folder, Path.GetDirectoryName(made));
        Assert.EndsWith(".two.qcow2", made, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("qemu-internal", "image", "/etc/passwd")]
    [InlineData("qemu-internal", "image", "")]
    [InlineData("qemu-internal", "image", "/")]
    [InlineData("qemu-internal", "name", "before")]
    [InlineData("libvirt-volume", "name", "a.raw")]
    [InlineData("libvirt-volume", "pool", "no such pool")]
    [InlineData("libvirt-volume", "path", "/etc/passwd")]
    [InlineData("reflink", "root", "/")]
    [InlineData("reflink", "volume", "")]
    [InlineData("reflink", "volume", "/")]
    [InlineData("reflink", "at", "")]
    [InlineData("qemu", "file", "")]
    [InlineData("qemu", "file", "/")]
    [InlineData("qemu", "stem", "\u0301")]
    public void One_field_of_a_genuine_record_is_forged(string method, string field, string value)
    {
        var folder = method == "reflink" ? Xfs().Folder : Keep(new TestFolder(Path.Combine(Lab.Images, "forged"))).Path;
        var isQcow2 = method.StartsWith("qemu", StringComparison.Ordinal);
        var domain = Define(isQcow2 ? Disk(Qcow2(folder, "a.qcow2"), format: "qcow2") : Disk(Raw(folder, "a.raw")));
        using var pool = method == "libvirt-volume" ? new RunningPool(Lab, folder) : null;
        Engine.Take(domain.Domain, "one", method: method);
        var genuine = RecordOf(domain.Domain);
        var data = new XElement(genuine.Data);
        data.SetAttributeValue(field, value);
        var forged = genuine with { Data = data, Image = field == "image" ? value : genuine.Image };
        WriteSet(domain.Domain, genuine.Set!, forged);
        WriteJournal(domain.Domain, RunOperation.Snapshot, Entry(forged));
        var before = Evidence(folder);
        AssertDocumented(() => TryRepair(domain.Domain));
        AssertDocumented(() => Recorded(domain.Domain));
        ClearJournal(domain.Domain);
        AssertDocumented(() => Engine.Restore(domain.Domain, Recorded(domain.Domain)));
        AssertDocumented(() => Engine.TryRemove(domain.Domain, Recorded(domain.Domain), cancellation: Token));
        Assert.Equal(before, Evidence(folder));
    }

    /// <summary>An empty drive has a source without a name, and so has a record without an image.</summary>
    [Fact]
    public void An_empty_drive_is_no_image()
    {
        var folder = Keep(new TestFolder(Path.Combine(Lab.Images, "forged"))).Path;
        var domain = Define(Disk(Qcow2(folder, "a.qcow2"), format: "qcow2"), "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>");
        var set = Identity(domain.Domain);
        var record = new SnapshotRecord("sda", "qemu-internal", DiskSource.None,
            new XElement("internalSnapshot", new XAttribute("image", ""), new XAttribute("name", SnapshotLabel.Of(set)))) { Set = set };
        Assert.Equal("", InternalSnapshot.Read(record).Image);
        WriteSet(domain.Domain, set, record);
        WriteJournal(domain.Domain, RunOperation.Removal, Entry(record) with { WasRecorded = true });
        Assert.NotEqual(SnapshotState.Available, Assert.Single(Recorded(domain.Domain)).State);
        AssertDocumented(() => TryRepair(domain.Domain));
        ClearJournal(domain.Domain);
        Engine.Remove(domain.Domain, Recorded(domain.Domain));
        Assert.Empty(Recorded(domain.Domain));
    }

    [Theory]
    [InlineData("<disk target='vda' method='qemu' consistency='Offline'><backup/></disk><disk target='vda' method='qemu' consistency='Offline'><backup/></disk>", "vda")]
    [InlineData("<disk target='vda' method='qemu' consistency='7'><backup/></disk>", "consistency")]
    [InlineData("<disk target='vda' method='qemu' consistency='Paused, Quiesced'><backup/></disk>", "consistency")]
    [InlineData("<disk target='vda' method='qemu' consistency='Offline'><backup type='file'><source file='/a' index='99999999999'/></backup></disk>", "")]
    [InlineData("<disk target='vda' method='qemu' consistency='Offline'><backup type='4711'/></disk>", "4711")]
    public void A_set_that_we_never_write_is_damaged(string disks, string about)
    {
        var (_, domain) = QcowDomain();
        var set = Identity(domain.Domain);
        Write(domain.Domain, MetadataUri.Set(set.Group),
            new XElement("set", set.ToAttributes(), new XAttribute("createdAt", "2026-01-01T00:00:00Z"), XElement.Parse($"<x>{disks}</x>").Elements()));
        AssertDamaged(domain, about);
    }

    [Theory]
    [InlineData("freezeWindow", "P99999999999D")]
    [InlineData("freezeWindow", "soon")]
    [InlineData("createdAt", "0000-00-00")]
    [InlineData("group", "{0x}")]
    [InlineData("nonce", "")]
    public void A_field_of_a_set_that_cannot_be_read_is_damaged(string name, string value)
    {
        var (_, domain) = QcowDomain();
        var set = Identity(domain.Domain);
        var element = new XElement("set", set.ToAttributes(), new XAttribute("createdAt", "2026-01-01T00:00:00Z"));
        element.SetAttributeValue(name, value);
        Write(domain.Domain, MetadataUri.Set(set.Group), element);
        AssertDamaged(domain, "");
    }

    [Fact]
    public void A_record_of_a_later_version_is_listed_and_stays()
    {
        var (_, domain) = QcowDomain();
        Engine.Take(domain.Domain, "one");
        var (uri, record) = Assert.Single(MetadataRecord.FindAll(domain.Domain.Root, MetadataUri.SetPrefix));
        record.SetAttributeValue("version", "2");
        Write(domain.Domain, uri, record);
        var listing = new SnapshotListing();
        var later = Assert.Single(Engine.List(domain.Domain, listing), snapshot => snapshot.State == SnapshotState.Damaged);
        Assert.Equal(("one", "vda"), (later.Name, later.Disk));
        Assert.Contains("update the module", listing.FindWarning(later), StringComparison.Ordinal);
        Assert.Equal("CatalogDamaged", Engine.RemovalRefused(domain.Domain, later).ErrorId);
        Assert.Equal("CatalogDamaged", Engine.Refused(() => Engine.Restore(domain.Domain, [later])).ErrorId);

        // Its overlay says whose it is, but what the record says beside that is not written over.
        Assert.Null(TryRepair(domain.Domain));
        var kept = Assert.Single(MetadataRecord.FindAll(domain.Domain.Root, MetadataUri.SetPrefix));
        Assert.Equal((uri, "2"), (kept.Uri, (string?)kept.Record.Attribute("version")));

        // What is newer stands on what that record names.
        Engine.Take(domain.Domain, "two");
        var two = Assert.Single(Engine.List(domain.Domain), snapshot => snapshot.Name == "two");
        Assert.Equal("CatalogDamaged", Engine.RemovalRefused(domain.Domain, two).ErrorId);
        Assert.Equal("CatalogDamaged", Engine.Refused(() => Engine.Restore(domain.Domain, "two")).ErrorId);
        record.SetAttributeValue("version", "1");
        Write(domain.Domain, uri, record);
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void A_damaged_record_that_names_no_disk_is_removed_together_with_what_it_keeps_from_being_removed()
    {
        var (_, domain) = QcowDomain();
        Write(domain.Domain, MetadataUri.SetPrefix + "none", new XElement("set"));
        Engine.Take(domain.Domain, "one");
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Theory]
    [InlineData("vda")]
    [InlineData("vdb")]
    public void A_run_whose_record_is_damaged_is_not_repaired(string target)
    {
        var (_, domain) = QcowDomain();
        Engine.Take(domain.Domain, "one");
        var (uri, record) = Assert.Single(MetadataRecord.FindAll(domain.Domain.Root, MetadataUri.SetPrefix));
        var journaled = Entry(RecordOf(domain.Domain));
        record.SetAttributeValue("createdAt", "never");
        record.Element("disk")!.SetAttributeValue("target", target);
        Write(domain.Domain, uri, record);
        WriteJournal(domain.Domain, RunOperation.Snapshot, journaled);
        var refused = Engine.Refused(() => TryRepair(domain.Domain));
        Assert.Equal("CatalogDamaged", refused.ErrorId);
        Assert.Contains("--remove", refused.Message, StringComparison.Ordinal);
        Assert.Equal("UnfinishedRun", Engine.Refused(() => Engine.Remove(domain.Domain, Engine.List(domain.Domain))).ErrorId);
        Lab.Virsh("metadata", domain.Name, uri, "--remove");
        Assert.Equal(RepairAction.Finished, TryRepair(domain.Domain)!.Action);
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Fact]
    public void A_snapshot_of_a_method_that_is_not_registered_is_listed_and_stays()
    {
        var (_, domain) = QcowDomain();
        using (CopyMethod.Register(TimeSpan.Zero))
        {
            Engine.Take(domain.Domain, "copied", method: CopyMethod.MethodName);
        }

        var copied = Assert.Single(Engine.List(domain.Domain));
        Assert.Equal((SnapshotState.Unverified, CopyMethod.MethodName), (copied.State, copied.Method));
        Assert.Equal("MethodUnknown", Engine.RemovalRefused(domain.Domain, copied).ErrorId);
        Engine.Take(domain.Domain, "other");
        Assert.Equal(2, Engine.List(domain.Domain).Count);
        Engine.Remove(domain.Domain, [.. Engine.List(domain.Domain).Where(snapshot => snapshot.Name == "other")]);
        using (CopyMethod.Register(TimeSpan.Zero))
        {
            Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        }

        Engine.AssertNothingLeft(domain.Domain);
    }

    [Theory]
    [InlineData("9", "2026-01-01T00:00:00Z")]
    [InlineData("Snapshot, Removal", "2026-01-01T00:00:00Z")]
    [InlineData("Restore", "9999-12-31T23:59:59Z")]
    public void A_journal_that_we_never_write_is_damaged(string operation, string startedAt)
    {
        var (_, domain) = QcowDomain();
        var record = Record(domain.Domain, "qemu", OverlayData.ToElement("/a", "a"));
        Write(domain.Domain, MetadataUri.Journal, new XElement(
            "journal",
            new XAttribute("operation", operation),
            new XAttribute("startedAt", startedAt),
            new XAttribute("lockedOn", "elsewhere"),
            new XElement("entry", record.Set!.ToAttributes(), record.ToElement())));
        Assert.Equal("JournalDamaged", Engine.Refused(() => TryRepair(domain.Domain)).ErrorId);
    }

    [Theory]
    [InlineData("Snapshot")]
    [InlineData("Removal")]
    [InlineData("Restore")]
    [InlineData("RestoreEnding")]
    public void A_journal_with_two_entries_of_one_disk_is_damaged(string operation)
    {
        var (_, domain) = QcowDomain();
        var entry = Entry(Record(domain.Domain, "qemu", OverlayData.ToElement("/a", "a")));
        WriteJournal(domain.Domain, Enum.Parse<RunOperation>(operation), entry, entry);
        Assert.Equal("JournalDamaged", Engine.Refused(() => TryRepair(domain.Domain)).ErrorId);
    }

    [Theory]
    [InlineData("Snapshot")]
    [InlineData("Removal")]
    [InlineData("Restore")]
    public void A_method_that_there_is_not_is_one_clear_error_and_other_snapshots_work(string operation)
    {
        var (_, domain) = QcowDomain();
        Engine.Take(domain.Domain, "own", method: "qemu");
        var record = Record(domain.Domain, "magic", new XElement("magic"));
        WriteSet(domain.Domain, record.Set!, record);
        var shown = Recorded(domain.Domain);
        Assert.Equal([SnapshotState.Available, SnapshotState.Unverified], shown.Select(snapshot => snapshot.State));
        var results = Engine.TryRemove(domain.Domain, shown, cancellation: Token);
        Assert.Equal([null, "MethodUnknown"], results.OrderBy(result => result.Snapshot.CreatedAt).Select(result => result.Error?.ErrorId));

        ClearMetadata(domain.Domain);
        WriteJournal(domain.Domain, Enum.Parse<RunOperation>(operation), Entry(record));
        AssertDocumented(() => Assert.Equal(RepairAction.Incomplete, TryRepair(domain.Domain)!.Action));
    }

    [Theory]
    [InlineData("target")]
    [InlineData("method")]
    [InlineData("image")]
    [InlineData("file")]
    [InlineData("stem")]
    [InlineData("path")]
    public void An_enormous_field_is_only_an_enormous_field(string field)
    {
        var (folder, domain) = QcowDomain();
        Engine.Take(domain.Domain, "one", method: "qemu");
        var genuine = RecordOf(domain.Domain);
        var huge = $"/{new string('x', 100_000)}";
        var forged = field switch
        {
            "target" => genuine with { Target = huge },
            "method" => genuine with { Method = huge },
            "image" => genuine with { Image = huge },
            "file" => genuine with { Data = OverlayData.ToElement(huge, "a") },
            "stem" => genuine with { Data = OverlayData.ToElement(OverlayData.PathOf(genuine), huge) },
            _ => genuine with { Source = DiskSource.ForPath(huge, "qcow2", false) },
        };
        WriteSet(domain.Domain, genuine.Set!, forged);
        var before = Evidence(folder);
        foreach (var operation in Enum.GetValues<RunOperation>())
        {
            // Two such records are more than a domain's metadata may hold.
            ClearMetadata(domain.Domain);
            WriteJournal(domain.Domain, operation, Entry(forged));
            AssertDocumented(() => TryRepair(domain.Domain));
        }

        ClearJournal(domain.Domain);
        WriteSet(domain.Domain, genuine.Set!, forged);
        AssertDocumented(() => Engine.TryRemove(domain.Domain, Recorded(domain.Domain), cancellation: Token));
        Assert.True(field is "image" or "path" || before == Evidence(folder));
    }

    /// <summary>libvirt keeps the namespaces that a writer has declared inside a record.</summary>
    [Fact]
    public void Namespaces_inside_a_record_are_no_crash()
    {
        var (_, domain) = QcowDomain();
        var set = Identity(domain.Domain);
        var uri = MetadataUri.Set(set.Group);
        var attributes = string.Join(' ', set.ToAttributes().Select(attribute => $"{attribute.Name}='{attribute.Value}'"));
        Lab.Virsh(
            "metadata",
            domain.Name,
            uri,
            "--config",
            "--key",
            "virtsnapshot",
            "--set",
            $"<set {attributes} createdAt='2026-01-01T00:00:00Z'><disk xmlns='{uri}' target='vda' method='qemu' consistency='Offline'><backup type='file'><source xmlns:o='urn:o' o:file='/b' file='/a'/></backup></disk></set>");
        var snapshot = Assert.Single(Recorded(domain.Domain));
        Assert.Equal(SnapshotState.Foreign, snapshot.State);
        Engine.Remove(domain.Domain, snapshot);
        Assert.Empty(Recorded(domain.Domain));
    }

    private static void AssertDocumented(Action action)
    {
        try
        {
            action();
        }
        catch (VirtSnapshotException e)
        {
            Assert.Contains(e.ErrorId, DocumentedErrors.Ids);
        }
    }

    private static IEnumerable<string> ChainOf(VmDomain domain) =>
        VirtSnapshot.Storage.ImageChain.FromImages(Host, domain.Disks[0].Source).Select(layer => layer.Path!);

    /// <summary>A shut-off domain with one qcow2 image in a folder of its own.</summary>
    private (string Folder, BareDomain Domain) QcowDomain()
    {
        var folder = Keep(new TestFolder(Path.Combine(Lab.Images, "forged"))).Add("images");
        return (folder, Define(Disk(Qcow2(folder, "a.qcow2"), format: "qcow2")));
    }

    /// <summary>It is listed, says why, keeps the disk's other snapshots from being changed, and only its record goes when it is removed.</summary>
    private static void AssertDamaged(BareDomain domain, string about)
    {
        var listing = new SnapshotListing();
        var damaged = Assert.Single(Engine.List(domain.Domain, listing));
        Assert.Equal(SnapshotState.Damaged, damaged.State);
        Assert.Null(damaged.BackupSource.Path);
        Assert.Contains(about, listing.FindWarning(damaged), StringComparison.Ordinal);
        Engine.Take(domain.Domain, "other");
        var other = Assert.Single(Engine.List(domain.Domain), snapshot => snapshot.Name == "other");
        Assert.Equal("CatalogDamaged", Engine.RemovalRefused(domain.Domain, other).ErrorId);
        Engine.Remove(domain.Domain, damaged);
        Engine.Remove(domain.Domain, other);
        Engine.AssertNothingLeft(domain.Domain);
    }

    private string Make(string kind, string folder)
    {
        var path = Path.Combine(folder, $"{kind.Replace(' ', '-')}.one.qcow2");
        switch (kind)
        {
            case "secret":
                File.WriteAllText(path, "precious");
                File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
                break;
            case "empty":
                File.WriteAllBytes(path, []);
                break;
            case "socket":
                Keep(new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)).Bind(new UnixDomainSocketEndPoint(path));
                break;
            case "fifo":
                LabScript.RunProgram("mkfifo", path);
                break;
            case "device":
                LabScript.RunProgram("mknod", path, "c", "1", "3");
                break;
            case "link":
                File.WriteAllText(Path.Combine(folder, "behind-link"), "precious");
                File.CreateSymbolicLink(path, Path.Combine(folder, "behind-link"));
                break;
            case "folder":
                Directory.CreateDirectory(path);
                break;
            case "linked clone":
                Qcow2(folder, "template.qcow2");
                Qcow2(folder, Path.GetFileName(path), "template.qcow2");
                break;
            default:
                var other = Define(Disk(Qcow2(folder, "overlay-of-another-domain.qcow2", content: 7), format: "qcow2"));
                Engine.Take(other.Domain, "one", method: "qemu");
                break;
        }

        return path;
    }
}
