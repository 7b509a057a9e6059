using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Methods;
using VirtSnapshot.Methods.Qemu;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.UnitTests.Domains;
using Xunit;

namespace VirtSnapshot.UnitTests.Snapshots;

public sealed class SnapshotRecordTests : IDisposable
{
    private static readonly DiskSource NetworkSource = new()
    {
        Type = DiskSourceType.Network,
        Format = "raw",
        Protocol = "nbd",
        Name = "x&y",
        Xml = "<source protocol=\"nbd\" name=\"x&amp;y\"><host name=\"h\" port=\"1\" /></source>",
    };

    private static readonly DiskSource VolumeSource = new()
    {
        Type = DiskSourceType.Volume,
        Format = "qcow2",
        Name = "p/v",
        Path = "/pool/v",
        Xml = "<source pool=\"p\" volume=\"v\" />",
    };

    private readonly TestNode node = new(TestNode.Domain("test"));
    private readonly LibvirtDomain native;

    public SnapshotRecordTests() => native = LibvirtConnection.Open(node.Uri).LookupByName("test");

    private VmDomain Domain => DomainReader.Read(native);

    public void Dispose()
    {
        native.Dispose();
        node.Dispose();
    }

    [Fact]
    public void A_set_comes_back_as_it_was_written()
    {
        var set = Set(
            TimeSpan.FromTicks(1234567),
            new SetDisk(Record("vda", DiskSource.ForPath("/i/ä & '<.img", "raw", false)), Consistency.Quiesced, true),
            new SetDisk(Record("vdb", DiskSource.ForPath("/dev/vg/x", null, true)), Consistency.CrashConsistent, true),
            new SetDisk(Record("vdc", NetworkSource), Consistency.Paused, false),
            new SetDisk(Record("vdd", VolumeSource), Consistency.Offline, true));
        SnapshotCatalog.Write(native, Domain, set);
        AssertSame(set, Assert.Single(SnapshotCatalog.Read(Domain)));
    }

    [Fact]
    public void A_set_without_a_freeze_has_no_window()
    {
        SnapshotCatalog.Write(native, Domain, Set(null, Disk("vda", "/i/a")));
        Assert.Null(Assert.Single(SnapshotCatalog.Read(Domain)).FreezeWindow);
    }

    [Fact]
    public void A_journal_comes_back_as_it_was_written_and_goes_when_cleared()
    {
        var (a, b) = (SetIdentity.New(Domain.Uuid, SnapshotName.Parse("a")), SetIdentity.New(Domain.Uuid, SnapshotName.Parse("b")));
        var journal = new RunJournal(
            RunOperation.Removal,
            new DateTimeOffset(2026, 11, 23, 12, 0, 0, 123, TimeSpan.Zero),
            [
                new JournalEntry(a.Group, a.Name, Record("vda", DiskSource.ForPath("/i/a", "raw", false)) with { Set = a }),
                new JournalEntry(b.Group, b.Name, Record("vdb", NetworkSource) with { Set = b }),
            ]);
        journal.Write(native, Domain);
        var read = RunJournal.Read(Domain)!;
        Assert.Equal((journal.Operation, journal.StartedAt), (read.Operation, read.StartedAt));
        Assert.Equal(journal.Entries.Select(entry => (entry.Group, entry.Name)), read.Entries.Select(entry => (entry.Group, entry.Name)));
        Assert.All(journal.Entries.Zip(read.Entries), pair => AssertSame(pair.First.Record, pair.Second.Record));

        RunJournal.Clear(native, Domain);
        Assert.Null(RunJournal.Read(Domain));
        RunJournal.Clear(native, Domain);
    }

    [Fact]
    public void A_journal_of_another_domain_is_none()
    {
        var set = SetIdentity.New(Guid.NewGuid(), SnapshotName.Parse("a"));
        new RunJournal(RunOperation.Removal, DateTimeOffset.UtcNow, [new JournalEntry(set.Group, set.Name, Record("vda", NetworkSource) with { Set = set })])
            .Write(native, Domain);
        Assert.Null(RunJournal.Read(Domain));
        Assert.True(RunJournal.IsForeign(Domain));
    }

    [Fact]
    public void Sources_follow_where_a_removal_has_moved_them()
    {
        var other = Set(null, Disk("vda", "/i/s1", "/i/s2"), Disk("vdb", "/i/s1", "/i/t"));
        SnapshotCatalog.Write(native, Domain, other);
        var gone = Set(null, Disk("vda", "/i/base", "/i/s1"), Disk("vdc", "/i/c", "/i/cc"));
        SnapshotCatalog.Write(native, Domain, gone);

        SnapshotCatalog.Rewrite(native, Domain, [(gone.Group, new RemovalOutcome(gone.Disks[0].Record, Source("/i/s1"), Source("/i/base"), null))]);

        var sets = SnapshotCatalog.Read(Domain).ToDictionary(set => set.Group);
        Assert.Equal(["vdc"], sets[gone.Group].Disks.Select(disk => disk.Record.Target));
        Assert.Equal(["/i/base", "/i/s1"], sets[other.Group].Disks.Select(disk => disk.Record.Source.Path));
    }

    [Fact]
    public void A_set_whose_last_disk_goes_leaves_nothing()
    {
        var set = Set(null, Disk("vda", "/i/base"));
        SnapshotCatalog.Write(native, Domain, set);
        SnapshotCatalog.Rewrite(native, Domain, [(set.Group, new RemovalOutcome(set.Disks[0].Record, Source("/i/s1"), Source("/i/base"), null))]);
        Assert.DoesNotContain(MetadataUri.SetPrefix, native.StoredXml(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<set group='no' name='a' createdAt='2026-01-01T00:00:00Z'/>")]
    [InlineData("<set group='11111111-2222-3333-4444-555555555555' name='../a' createdAt='2026-01-01T00:00:00Z'/>")]
    [InlineData("<set group='11111111-2222-3333-4444-555555555555' name='a' createdAt='never'/>")]
    [InlineData("<set group='11111111-2222-3333-4444-555555555555' name='a' createdAt='2026-01-01T00:00:00Z'><disk consistency='Quiesced'/></set>")]
    [InlineData("<set group='11111111-2222-3333-4444-555555555555' name='a' createdAt='2026-01-01T00:00:00Z'><disk consistency='Perfect'><backup/></disk></set>")]
    [InlineData("<set group='11111111-2222-3333-4444-555555555555' name='a' createdAt='never'><disk target='vdb'/><disk target='v d a'/></set>")]
    [InlineData("<set group='11111111-2222-3333-4444-555555555555' name='a' createdAt='never'><disk target='vdb'/><disk/></set>")]
    [InlineData("<set/>")]
    public void A_damaged_record_is_no_set_and_keeps_its_disks_from_being_changed(string xml)
    {
        MetadataRecord.Write(native, Domain, MetadataUri.Set(Guid.NewGuid()), XElement.Parse(xml));
        Assert.Empty(SnapshotCatalog.Read(Domain));
        var damaged = Assert.Single(SnapshotCatalog.ReadDamaged(Domain));
        Assert.False(damaged.IsOfLaterVersion);
        var error = Assert.Throws<VirtSnapshotException>(() => SnapshotCatalog.RefuseDamaged(Domain, "vda", Domain));
        Assert.Equal((FailureKind.InvalidData, "CatalogDamaged"), (error.Kind, error.ErrorId));
        Assert.Contains("virsh metadata test urn:virtsnapshot:1:set:", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<journal/>")]
    [InlineData("<journal operation='Dance' startedAt='2026-01-01T00:00:00Z'/>")]
    [InlineData("<journal operation='Snapshot' startedAt='2026-01-01T00:00:00Z'><entry group='11111111-2222-3333-4444-555555555555' name='a'/></journal>")]
    public void A_damaged_journal_is_one_clear_error(string xml)
    {
        MetadataRecord.Write(native, Domain, MetadataUri.Journal, XElement.Parse(xml));
        var error = Assert.Throws<VirtSnapshotException>(() => RunJournal.Read(Domain));
        Assert.Equal((FailureKind.InvalidData, "JournalDamaged"), (error.Kind, error.ErrorId));
    }

    [Fact]
    public void A_record_of_a_later_version_is_not_read()
    {
        var element = Set(null, Disk("vda", "/i/base")).ToElement();
        Assert.Equal("1", (string?)element.Attribute("version"));
        element.SetAttributeValue("version", "2");
        MetadataRecord.Write(native, Domain, MetadataUri.Set(Guid.NewGuid()), element);
        Assert.Empty(SnapshotCatalog.Read(Domain));
        var damaged = Assert.Single(SnapshotCatalog.ReadDamaged(Domain));
        Assert.True(damaged is { IsOfLaterVersion: true, Targets: ["vda"], Name: "s" });
        Assert.True(damaged.Concerns("vda"));
        Assert.False(damaged.Concerns("vdb"));
        Assert.Contains("format version '2'", damaged.Warning, StringComparison.Ordinal);
    }

    [Fact]
    public void A_record_without_a_version_is_of_the_first()
    {
        var set = Set(null, Disk("vda", "/i/base"));
        var element = set.ToElement();
        element.SetAttributeValue("version", null);
        MetadataRecord.Write(native, Domain, set.Uri, element);
        Assert.Equal(set.Group, Assert.Single(SnapshotCatalog.Read(Domain)).Group);
    }

    [Fact]
    public void Records_are_equal_by_content()
    {
        var record = Disk("vda", "/i/base").Record;
        var again = record with { Data = new XElement(record.Data) };
        Assert.Equal(record, again);
        Assert.Equal(record.GetHashCode(), again.GetHashCode());
        again.Data.SetAttributeValue("more", "1");
        Assert.NotEqual(record, again);
    }

    private static SnapshotSet Set(TimeSpan? window, params SetDisk[] disks) =>
        new(Guid.NewGuid(), SnapshotName.Parse("s"), new DateTimeOffset(2026, 11, 23, 12, 0, 0, TimeSpan.Zero), window, disks);

    private static SetDisk Disk(string target, string source, string overlay = "/i/overlay") => new(
        new SnapshotRecord(target, "qemu", Source(source), OverlayData.ToElement(overlay, "stem")), Consistency.Quiesced, true);

    private static DiskSource Source(string path) => DiskSource.ForPath(path, "qcow2", false);

    private static SnapshotRecord Record(string target, DiskSource source) => new(target, "qemu", source, OverlayData.ToElement("/i/o & p", "stem"));

    private static void AssertSame(SnapshotSet set, SnapshotSet read)
    {
        Assert.Equal((set.Group, set.Name, set.CreatedAt, set.FreezeWindow), (read.Group, read.Name, read.CreatedAt, read.FreezeWindow));
        Assert.Equal(set.Disks.Count, read.Disks.Count);
        Assert.All(set.Disks.Zip(read.Disks), pair =>
        {
            Assert.Equal((pair.First.Consistency, pair.First.ChangedDisk), (pair.Second.Consistency, pair.Second.ChangedDisk));
            AssertSame(pair.First.Record, pair.Second.Record);
        });
    }

    private static void AssertSame(SnapshotRecord record, SnapshotRecord read)
    {
        Assert.Equal((record.Target, record.Method, record.Set, record.Image), (read.Target, read.Method, read.Set, read.Image));
        Assert.Equal(
            (record.Source.Type, record.Source.Path, record.Source.Format, record.Source.Protocol, record.Source.Name),
            (read.Source.Type, read.Source.Path, read.Source.Format, read.Source.Protocol, read.Source.Name));
        Assert.True(XNode.DeepEquals(XElement.Parse(record.Source.Xml), XElement.Parse(read.Source.Xml)), read.Source.Xml);
        Assert.True(XNode.DeepEquals(record.Data, read.Data), read.Data.ToString());
    }
}
