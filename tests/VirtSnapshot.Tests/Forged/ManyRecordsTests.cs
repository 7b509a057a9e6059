using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Methods.Qemu;
using VirtSnapshot.Methods.Volumes;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using VirtSnapshot.Tests.Storage;
using Xunit;

namespace VirtSnapshot.Tests.Forged;

/// <summary>
/// A domain with thousands of records in its metadata. We ourselves write no more than <see cref="MetadataRecord.MaxTotalBytes"/>; libvirt takes a definition
/// of
/// nearly 4 MiB.
/// </summary>
public sealed class ManyRecordsTests(LabFixture lab) : ForgedTest(lab)
{
    private const int Count = 3000;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Listing_thousands_of_snapshots_needs_little_memory_for_each(bool isRunning)
    {
        using var bare = new BareDomain(Lab, "many", isRunning: false);
        Engine.Take(bare.Domain, "first");
        AddRecords(bare);
        if (isRunning)
        {
            Lab.Virsh("start", bare.Name);
        }

        var domain = bare.Domain;
        Engine.List(domain);
        var before = GC.GetTotalAllocatedBytes(precise: true);
        var found = Engine.List(domain);
        var perRecord = (GC.GetTotalAllocatedBytes(precise: true) - before) / Count;
        Assert.Equal(
            [(SnapshotState.Available, (Count / 3) + 1), (SnapshotState.Invalid, Count / 3 * 2)],
            found.GroupBy(snapshot => snapshot.State).Select(same => (same.Key, same.Count())).Order());

        // The definition alone is of 1,000 characters for each.
        Assert.True(perRecord < 32 << 10, $"{perRecord} bytes were allocated for each snapshot.");
    }

    [Fact]
    public void The_host_is_asked_once_about_what_many_records_share()
    {
        using var bare = new BareDomain(Lab, "many", isRunning: false);
        Engine.Take(bare.Domain, "first");
        var domain = bare.Domain;
        using var native = DomainFinder.Open(domain, Token);
        var records = Enumerable.Range(0, 1000).Select(number => Copy(domain, Identity(domain, $"nightly-{number}"))).ToList();
        Assert.Equal(RoundTrips(records[..2]), RoundTrips(records));

        int RoundTrips(List<SnapshotRecord> proven)
        {
            var host = new CountingHost();
            Assert.Equal(proven.Count, RecordProof.Own(BuiltInMethods.Create(), new MethodRequest(native, domain, host), proven).Count);
            return host.RoundTrips;
        }
    }

    /// <summary>
    /// Into the definition, as whoever may define the domain can: of overlays that are gone, of copies that are there, and of a disk that is gone.
    /// </summary>
    private void AddRecords(BareDomain bare)
    {
        var definition = XElement.Parse(Lab.Virsh("dumpxml", "--inactive", bare.Name));
        var domain = bare.Domain;
        definition.Element("metadata")!.Add(Enumerable.Range(0, Count).Select(number =>
        {
            var set = Identity(domain, $"nightly-{number}");
            var record = (number % 3) switch
            {
                0 => Overlay(domain, bare.Image(), set),
                1 => Copy(domain, set),
                _ => Overlay(domain, bare.Image(), set) with { Target = "vdz" },
            };
            return ToMetadata(set, record);
        }));
        File.WriteAllText(bare.Definition, definition.ToString());
        Lab.Virsh("define", bare.Definition);
    }

    private static SnapshotRecord Overlay(VmDomain domain, string image, SetIdentity set)
    {
        var stem = Path.GetFileNameWithoutExtension(image);
        return Record(domain, "qemu", OverlayData.ToElement($"{Path.GetDirectoryName(image)}/{stem}.{set.Name}.qcow2", stem), set);
    }

    private static SnapshotRecord Copy(VmDomain domain, SetIdentity set)
    {
        var image = domain.FindDisk("vda")!.Source.Path!;
        var at = VolumeNames.Beside(Path.GetDirectoryName(image)!, SnapshotLabel.Of(set));
        File.WriteAllText(at, "");
        File.SetUnixFileMode(at, UnixFileMode.UserRead);
        var data = new VolumeSnapshot(new Volume(image, null), at, at, new Dictionary<string, string>()).ToElement();
        return Record(domain, "reflink", data, set) with { Source = DiskSource.ForPath(at, "qcow2", isBlockDevice: false) };
    }

    /// <summary>As libvirt has it: everything is in the record's namespace.</summary>
    private static XElement ToMetadata(SetIdentity set, SnapshotRecord record)
    {
        XNamespace ours = MetadataUri.Set(set.Group);
        var element = new SnapshotSet(set.Group, set.Name, DateTimeOffset.UtcNow, null, [new SetDisk(record, Consistency.Offline, ChangedDisk: true)])
        {
            Identity = set,
        }.ToElement();
        foreach (var inner in element.DescendantsAndSelf())
        {
            inner.Name = ours + inner.Name.LocalName;
        }

        return element;
    }
}
