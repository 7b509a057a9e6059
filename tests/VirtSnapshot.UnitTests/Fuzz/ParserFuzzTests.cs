using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Xml;
using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Methods;
using VirtSnapshot.Methods.Btrfs;
using VirtSnapshot.Methods.LibvirtVolume;
using VirtSnapshot.Methods.Lvm;
using VirtSnapshot.Methods.Qemu;
using VirtSnapshot.Methods.Volumes;
using VirtSnapshot.Methods.Zfs;
using VirtSnapshot.Native;
using VirtSnapshot.PowerShell;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Storage;
using VirtSnapshot.Tests.Domains;
using VirtSnapshot.UnitTests.Storage;
using Xunit;

namespace VirtSnapshot.UnitTests.Fuzz;

/// <summary>
/// Whatever a guest, a forger of records, a host's program or a user gives to a parser, it ends in a result, or in the error that its documentation states.
/// <c>VIRTSNAPSHOT_FUZZ_CASES</c> sets how many inputs there are in all (5,000), <c>VIRTSNAPSHOT_FUZZ_SEED</c> repeats a run.
/// </summary>
public sealed class ParserFuzzTests
{
    private static readonly Guid Domain = Guid.Parse("11111111-2222-3333-4444-555555555555");
    private static readonly SetIdentity Set = SetIdentity.New(Domain, SnapshotName.Parse("one"));

    private static readonly byte[] Qcow2 = Qcow2Image.Empty(64 << 20, "base.qcow2", "qcow2",
        new OverlayMark(Set, "vda", "/images/one.qcow2", DateTimeOffset.UnixEpoch))[..Qcow2Header.HeadLength];

    private static readonly XElement Disk = new SnapshotRecord(
        "vda", "qemu", DiskSource.ForPath("/images/base.qcow2", "qcow2", isBlockDevice: false),
            OverlayData.ToElement("/images/one.qcow2", "base")) { Set = Set, Image = "/images/base.qcow2" }
        .ToElement();

    private static readonly XElement SetRecord = new SnapshotSet(
        Set.Group, Set.Name, DateTimeOffset.UnixEpoch, TimeSpan.FromMilliseconds(12),
            [new SetDisk(SnapshotRecord.Read(Disk, Set), Quiescing.Consistency.Quiesced, ChangedDisk: true)]) { Identity = Set }
        .ToElement();

    private static readonly XElement Journal = new(
        "journal",
        new XAttribute("operation", "Restore"),
        new XAttribute("startedAt", "2026-01-01T00:00:00Z"),
        new XElement("entry", Set.ToAttributes(), new XAttribute("instance", "a/7"), Disk, new XElement("becomes", Disk)));

    private static readonly XElement DiskElement = XElement.Parse("""
        <disk type='file' device='disk' snapshot='no'><driver name='qemu' type='qcow2' cache='none'/><source file='/images/a.qcow2' index='3'/>
        <backingStore type='network' index='2'><format type='raw'/><source protocol='rbd' name='p/i'><host name='h' port='1'/></source><backingStore/></backingStore>
        <mirror type='file' ready='yes'><source file='/m'/></mirror><target dev='vda' bus='virtio'/><serial>s</serial></disk>
        """);

    private static readonly SnapshotRecord Volume = SnapshotRecord.Read(Disk, Set) with
    {
        Method = "zfs",
        Data = ZfsSnapshot.Plan(new Volume("tank/vms", "/tank/vms"), SnapshotLabel.Of(Set), Set.Group, "/tank/vms").ToSnapshot().ToElement(),
    };

    private static readonly Parser[] Parsers =
    [
        // What users type.
        Text("Wildcard", text => Wildcard.Parse(text).Matches("web1"), IsOurs, "web*", "[a-c]?b`[", "vd[ab]"),
        Text("DiskSelector", text => DiskSelector.Parse(text).Match(TestDomain.Of($"<devices>{DiskElement}</devices>")), IsOurs, "vda", "vd*",
            "/images/a.qcow2", $"{DiskElement}"),
        Text("DiskSelector.Method", text => _ = DiskSelector.ForListed(text).Method, IsOurs,
            "<disk><target dev='vda'/><diskSnapshot method='lvm'><size>1</size></diskSnapshot></disk>"),
        Text("DiskSnapshotMethod", text => DiskSnapshotMethod.Parse(text).ToElement(), IsOurs, "lvm-thin",
            "<diskSnapshot method='lvm'><size>20%</size><a><b c='d'/></a></diskSnapshot>"),
        Text("DomainReference", text => new DomainReference(text), Nothing, "web*", "web1", "11111111-2222-3333-4444-555555555555"),
        Text("SnapshotName", text => SnapshotName.Parse(text), IsOurs, "one", "20260101T000000000Z", "a.b_c-d"),
        Text("SnapshotSize", text => _ = (SnapshotSize.Parse(text, 1L << 40), SnapshotSize.ParseChunk(text)), Nothing, "20%", "1.5GiB", "999999999999999P",
            "64 K"),
        Text("LibvirtUri", ReadUri, Nothing, "qemu+ssh://root@[::1]:22/system?keyfile=/a&socket=/b%20c", "qemu:///session", "test:///default",
            "qemu+libssh2://h/system?known_hosts_verify=auto"),
        Text("SafeXml", text => SafeXml.Parse(text), e => e is XmlException, $"{DiskElement}", "<a xmlns='b'><!-- c --><d/></a>"),

        // What libvirt says, and what anybody can write into a domain's metadata.
        Element("VmDomain", ReadDomain, IsOurs, XElement.Parse(
            $"<domain id='7'><devices>{DiskElement}<channel><target name='org.qemu.guest_agent.0' state='connected'/></channel></devices>"
            + $"<metadata><v:method xmlns:v='{MetadataUri.Method("vda")}'><diskSnapshot xmlns='{MetadataUri.Method("vda")}' method='lvm'/></v:method></metadata></domain>")),
        Element("DiskSource", holder => DiskSource.Read(holder, "raw", (pool, volume) => $"/{pool}/{volume}").ToString(), Nothing, DiskElement),
        Element("MethodSettings", record => _ = WithMetadata(MetadataUri.Method("vda"), record).Disks, IsOurs,
            XElement.Parse("<method><diskSnapshot method='lvm'><size>1</size></diskSnapshot></method>")),
        Element("RunJournal", record => RunJournal.Read(WithMetadata(MetadataUri.Journal, record)), e =>
            e is VirtSnapshotException { ErrorId: "JournalDamaged" }, Journal),
        Element("SnapshotCatalog", record => SnapshotCatalog.ReadDamaged(WithMetadata(MetadataUri.Set(Set.Group), record)), _ => false, SetRecord),
        Element("SnapshotSet", record => SnapshotSet.Read("urn:a", record).ToElement(), SnapshotRecord.IsDamage, SetRecord),
        Element("SnapshotRecord", record => SnapshotRecord.Read(record, Set).ToElement(), SnapshotRecord.IsDamage, Disk),
        Element("SetIdentity", record => SetIdentity.Read(record)?.WhyNotOf(Domain), e => e is FormatException || IsOurs(e), SetRecord),
        Element("VolumeSnapshot", data => VolumeSnapshot.Read(Volume with { Data = data }), IsOurs, Volume.Data),
        Element("ZfsSnapshot", data => _ = ZfsSnapshot.Read(VolumeSnapshot.Read(Volume with { Data = data })).MountPoint, IsOurs, Volume.Data),
        Element("VolumeCopy", data => VolumeCopy.Read(Volume with { Data = data }), e => e is FormatException,
            XElement.Parse("<volumeCopy pool='p' name='n' path='/p/n' format='raw' origin='o'/>")),
        Element("PoolVolume", volume =>
            PoolVolume.Read($"{volume}", "<pool type='dir'><name>p</name><available unit='bytes'>5</available><target><path>/p</path></target></pool>"),
            IsOurs, XElement.Parse(
            "<volume><name>v</name><capacity unit='bytes'>8</capacity><allocation unit='bytes'>1</allocation><target><path>/p/v</path><format type='raw'/></target></volume>")),

        // What is in images, and what a guest can write into its disk.
        Bytes("Qcow2Header", ReadHeader, Nothing, Qcow2, [.. Qcow2[..7], 2, .. Qcow2[8..]]),
        Text("OverlayMark", text => OverlayMark.Parse(text), Nothing,
            Encoding.UTF8.GetString(new OverlayMark(Set, "vda", "/images/one.qcow2", DateTimeOffset.UnixEpoch).ToBytes())),
        Text("ImageChain.Resolve", Resolve, Nothing, "base.qcow2", "/images/base.qcow2", "file:../base.qcow2",
            "json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"/b\"}}", "json:{\"file.filename\":\"b\"}", "nbd://h/e"),

        // What programs of a host say.
        Text("BlockDeviceTable", text => BlockDeviceTable.Parse(text), IsFormat, Section("devices")),
        Text("LogicalVolumeTable", text => LogicalVolumeTable.Parse(text), IsFormat, Section("volumes")),
        Text("LogicalVolume", text => LogicalVolume.Read(text).Any(volume => volume.IsBroken), IsFormat, """{"report":[{"lv":[{"lv_name":"a","lv_uuid":"u","lv_attr":"Vwi-a-tz--","lv_tags":"x,y","origin_uuid":"","data_percent":"1.5","metadata_percent":""}]}]}"""),
        Text("ImageInfo", text => ImageInfo.ReadVirtualSize(text), IsFormat, """{"virtual-size": 8388608, "format": "raw"}"""),
        Text("ProbeOutput", text => ProbeOutput.Parse(text), IsFormat, StorageFindingsTests.Recorded),
        Text("StorageFindings", ReadAnswer, IsFormat, StorageFindingsTests.Recorded),
        Text("MountTable", ReadMounts, Nothing, Section("mounts"), "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue"),
        Text("FileFacts", text => FileFacts.Parse(text), e => e is IOException, "2049 123 81a4 0 0 4096 0 0", "5 6 61b0 0 6 0 fd 7"),
        Bytes("FileQueryResult", told => FileQueryResult.Parse(told, ["/a", "/b"]), Nothing, Encoding.UTF8.GetBytes(
            "i\0/a\02049 123 81a4 0 0 4 0 0\0e\0i\00\0t\0/b\02049 9 81a4 0 0 4 0 0\0e\0t\00\0d\0/b\0100 4096\0r\0/a\0\0h\0" + "b91a0f52-3d9c-4c39-9f0e-000000000000\nabcdb91a0f52-3d9c-4c39-9f0e-000000000000\n")),
        Text("HostOpenFiles", text => HostOpenFiles.Parse("h", text.Split('\0'), _ => null), e =>
            e is IOException or VirtSnapshotException { ErrorId: "ProgramMissing" },
            "f\0/proc/7/fd/3\02049 12\0b\0/proc/7/fd/4\0fd 7\0l\0/dev/loop0\02049 5 81a4 0 0 4 0 0\0a\07/cmdline:qemu\0a\07/cmdline:-name\0"),
        Text("Subvolume", text => Subvolume.Parse(text), Nothing,
            "vms\n\tName: \t\tvms\n\tUUID: \t\t5a2f3b1c-0000-0000-0000-000000000001\n\tParent UUID: \t\t-\n\tSubvolume ID: \t\t256\n\tFlags: \t\treadonly\n"),
        Text("Names", text =>
            _ = (LvmName.Split(text), ZfsName.IsDataset(text), ZfsName.IsOurSnapshot(text), SnapshotLabel.IsOurs(text), SnapshotLabel.IsOf(text, Set)),
            Nothing, "vg/lv", "tank/a b", $"tank/a@{SnapshotLabel.Of(Set)}", $".{SnapshotLabel.Of(Set)}-1"),
        Bytes("MarkedOutput", ReadMarked, Nothing, "noise vs-1 answer vs-1 0\n rest"u8.ToArray()),
    ];

    [Fact]
    public void Parsers_end_in_a_result_or_a_documented_error()
    {
        var seed = Setting("VIRTSNAPSHOT_FUZZ_SEED", Random.Shared.Next());
        var cases = Setting("VIRTSNAPSHOT_FUZZ_CASES", 5_000);
        var clock = Stopwatch.StartNew();
        for (var number = 0; number < cases; number++)
        {
            // So that one case can be repeated without those before it.
            var parser = Parsers[number % Parsers.Length];
            if (parser.Try(new Mutator(new Random(seed + number))) is var (input, error))
            {
                Assert.Fail($"VIRTSNAPSHOT_FUZZ_SEED={seed}, case {number}: {parser.Name} ends in {error}\nIts input, escaped: {Shown(input)}");
            }
        }

        TestContext.Current.SendDiagnosticMessage($"Seed {seed}: {cases} inputs for {Parsers.Length} parsers took {clock.Elapsed.TotalSeconds:0.0} s.");
    }

    /// <summary>What is valid stays so: else the inputs above were all invalid from the start.</summary>
    [Fact]
    public void The_samples_are_understood() => Assert.All(Parsers, parser => parser.ReadSamples());

    private static int Setting(string name, int value) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } given ? int.Parse(given, CultureInfo.InvariantCulture) : value;

    private static Parser<string> Text(string name, Action<string> read, Predicate<Exception> isDocumented, params string[] samples) =>
        new Parser<string>(name, read, isDocumented, samples, (mutator, sample) => mutator.Change(sample));

    private static Parser<byte[]> Bytes(string name, Action<byte[]> read, Predicate<Exception> isDocumented, params byte[][] samples) =>
        new Parser<byte[]>(name, read, isDocumented, samples, (mutator, sample) => mutator.Change(sample));

    private static Parser<XElement> Element(string name, Action<XElement> read, Predicate<Exception> isDocumented, params XElement[] samples) =>
        new Parser<XElement>(name, read, isDocumented, samples, (mutator, sample) => mutator.Change(sample));

    private static bool IsOurs(Exception e) => e is VirtSnapshotException;

    private static bool IsFormat(Exception e) => e is FormatException;

    private static bool Nothing(Exception e) => false;

    private static string Section(string name)
    {
        var start = StorageFindingsTests.Recorded.IndexOf($"\0{name}\0", StringComparison.Ordinal) + name.Length + 2;
        return StorageFindingsTests.Recorded[start..StorageFindingsTests.Recorded.IndexOf('\0', start)];
    }

    /// <summary>A domain with a record, as libvirt shows it: what has no namespace gets the record's.</summary>
    private static VmDomain WithMetadata(string uri, XElement record)
    {
        var shown = new XElement(record);
        foreach (var element in shown.DescendantsAndSelf().Where(element => element.Name.NamespaceName.Length == 0))
        {
            element.Name = XName.Get(element.Name.LocalName, uri);
        }

        return TestDomain.Of($"<metadata>{shown}</metadata><devices>{DiskElement}</devices>");
    }

    private static void ReadDomain(XElement domain)
    {
        var read = new VmDomain(domain.ToString(), (_, _) => null) { Name = "one" };
        _ = (read.GuestAgent, read.IsActive, string.Join(' ', read.Disks.Select(disk => $"{disk} {disk.Source} {disk.Method} {disk.WhyNotSnapshottable()}")));
    }

    private static void ReadUri(string text)
    {
        if (LibvirtUri.TryParse(text) is { } uri)
        {
            _ = (uri.OnItsHost, uri.IsSession, SshAddress.Of(uri).Arguments("/a"), HostFinder.HasServer(text));
        }

        _ = MetadataUri.Method(text);
    }

    private static void ReadHeader(byte[] head)
    {
        _ = (Qcow2Header.LengthWithBackingFile(head), Qcow2Header.LengthWithTable(head));
        if (Qcow2Header.Parse(head) is { } header)
        {
            _ = OverlayMark.Parse(header.Mark);
            Resolve(header.BackingFile ?? "");
            Resolve(header.DataFile ?? "");
        }
    }

    /// <summary>What comes of it can be asked about, and written into a definition.</summary>
    private static void Resolve(string name)
    {
        if (ImageChain.Resolve("/images/a.qcow2", name) is { } path)
        {
            Assert.StartsWith("/", path, StringComparison.Ordinal);
            Assert.DoesNotContain('\0', path);
            _ = (DiskSource.ForPath(path, "raw", isBlockDevice: false), new LocalHost("test:///default").Stat(path, followLink: true));
        }
    }

    private static void ReadAnswer(string text)
    {
        var findings = new StorageFindings();
        findings.Add(text, StorageFindingsTests.Paths, []);
        foreach (var path in StorageFindingsTests.Paths)
        {
            _ = new StackBuilder(findings).Build(TestDomain.Disk($"<disk type='block'><source dev='{path}'/><target dev='vda'/></disk>")).Tree;
        }
    }

    private static void ReadMounts(string text)
    {
        var table = MountTable.Parse(text);
        foreach (var path in StorageFindingsTests.Paths.Append("/"))
        {
            if (table.Find(path) is { } mount)
            {
                var inside = mount.Inside(path);
                _ = (mount.Outside(inside), table.Showing(mount, inside, mount.Root));
            }
        }
    }

    private static void ReadMarked(byte[] printed)
    {
        using var stream = new MemoryStream(printed);
        var output = new MarkedOutput(stream);
        _ = (output.WaitForContent("vs-1"u8.ToArray(), hasTail: true), output.WaitForEnd(TimeSpan.FromSeconds(10)));
    }

    private static string Shown(object input)
    {
        var text = input is byte[] bytes ? Convert.ToHexString(bytes) : $"{input}";
        return string.Concat(text.Take(2_000).Select(c => c is >= ' ' and <= '~' ? $"{c}" : $"\\u{(int)c:X4}")) + (text.Length > 2_000
            ? $" … ({text.Length} in all)" : "");
    }

    private abstract record Parser(string Name)
    {
        /// <returns>An input, and the undocumented error it ended in; null where all is well.</returns>
        public abstract (object Input, Exception Error)? Try(Mutator mutator);

        public abstract void ReadSamples();
    }

    private sealed record Parser<T>(string Name, Action<T> Read, Predicate<Exception> IsDocumented, T[] Samples, Func<Mutator, T, T> Change) : Parser(Name)
        where T : class
    {
        public override (object Input, Exception Error)? Try(Mutator mutator)
        {
            var input = Change(mutator, mutator.Of(Samples));
            try
            {
                Read(input);
                return null;
            }
            catch (Exception e)
            {
                return IsDocumented(e) ? null : (input, e);
            }
        }

        public override void ReadSamples() => Assert.All(Samples, Read);
    }
}
