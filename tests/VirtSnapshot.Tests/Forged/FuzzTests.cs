using System.Globalization;
using System.Net.Sockets;
using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using VirtSnapshot.Tests.Methods.LibvirtVolume;
using Xunit;

namespace VirtSnapshot.Tests.Forged;

/// <summary>
/// Records, journals and sets that chance has forged. <c>VIRTSNAPSHOT_FUZZ_SEED</c> repeats a run, <c>VIRTSNAPSHOT_FUZZ_CASES</c> sets how many there are
/// (500; 10,000 before a release).
/// </summary>
public sealed class FuzzTests(LabFixture lab) : ForgedTest(lab)
{
    /// <summary>The pool that the images lie in.</summary>
    public const string Pool = RunningPool.Name;

    private const int ShutOff = 5;

    private readonly List<string> canaries = [];
    private readonly List<XElement> otherRecords = [];
    private readonly List<BareDomain> others = [];

    [Fact]
    [Trait("Quick", "no")]
    public void Forged_records_change_nothing_of_others_and_end_in_documented_errors()
    {
        var seed = Setting("VIRTSNAPSHOT_FUZZ_SEED", Random.Shared.Next());
        var cases = Setting("VIRTSNAPSHOT_FUZZ_CASES", 500);
        var folder = Xfs().Folder;
        Btrfs(out var subvolume);
        using var pool = new RunningPool(Lab, folder);
        MakeCanaries(folder, subvolume);
        List<FuzzCrashTest> crashTests =
        [
            .. new[] { ("qemu", false), ("reflink", false), ("libvirt-volume", false), ("qemu-internal", false), ("btrfs", false), ("qemu", true),
                ("reflink", true) }
                .Select((kind, i) => Keep(new FuzzCrashTest(Lab, $"forged{i}", kind.Item1 == "btrfs" ? subvolume : folder, kind.Item1, isRunning: kind.Item2))),
        ];
        var random = new Random(seed);
        var forger = new Forger(random, canaries, otherRecords);
        var (before, facts, definitions) = (Contents(), Facts(), Definitions());
        var mended = 0;
        for (var number = 0; number < cases; number++)
        {
            // To bring a running one back takes longest.
            var crashTest = crashTests[random.Next(20) == 0 ? random.Next(ShutOff, crashTests.Count) : random.Next(ShutOff)];
            var records = forger.Next(crashTest);
            var did = new List<string>();
            try
            {
                crashTest.Write(records);
                Run(crashTest, random, did);
                Assert.Equal(facts, Facts());
                Assert.True(number % 100 != 0 || definitions == Definitions(), "The definition of another domain has changed.");
                mended += crashTest.MendIfChanged() ? 1 : 0;
            }
            catch (VirtSnapshotException e) when (did.Count == 0 && e.ErrorId == "MetadataFull")
            {
                // Not written, so not tried.
            }
            catch (Exception e)
            {
                Assert.Fail(
                    $"Seed {seed}, case {number}, domain '{crashTest.Name}', after {string.Join(", ", did)}: {e}\n"
                    + string.Join('\n', records.Select(record =>
                        $"{record.Uri}: {(record.Record.ToString() is { Length: > 20_000 } text ? text[..20_000] : record.Record)}")));
            }
        }

        TestContext.Current.SendDiagnosticMessage($"Seed {seed}: {cases} cases, and {mended} times something of the domain's own has changed.");
        Assert.Equal(before, Contents());
        Assert.Equal(definitions, Definitions());
        foreach (var entry in new[] { folder, subvolume }.SelectMany(Entries))
        {
            Assert.True(entry.StartsWith("volumes", StringComparison.Ordinal) || canaries.Exists(canary => Path.GetFileName(canary) == entry)
                || crashTests.Exists(crashTest => crashTest.Owns(entry)), $"Somebody made '{entry}' (seed {seed}).");
        }

        Assert.All(others, other => Assert.All(Recorded(other.Domain), snapshot => Assert.Equal(SnapshotState.Available, snapshot.State)));
    }

    private static int Setting(string name, int value) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } given
        ? int.Parse(given, CultureInfo.InvariantCulture) : value;

    private static void Run(FuzzCrashTest crashTest, Random random, List<string> did)
    {
        IReadOnlyList<DiskSnapshot> shown = [];
        Try("Get", () => shown = Engine.List(crashTest.Domain));
        foreach (var act in random.Next(4) switch { 0 => ["Remove"], 1 => ["Restore", "Repair"], 2 => ["Repair", "Remove"], _ =>
            new[] { "Repair", "Restore" } })
        {
            Try(act, act switch
            {
                "Repair" => () => TryRepair(crashTest.Domain),
                "Restore" => () => Restore(crashTest.Domain, shown),
                _ => () => Remove(crashTest.Domain, shown),
            });
        }

        void Try(string what, Action action)
        {
            try
            {
                action();
                did.Add(what);
            }
            catch (VirtSnapshotException e) when (DocumentedErrors.Ids.Contains(e.ErrorId))
            {
                did.Add($"{what} ({e.ErrorId})");
            }
        }
    }

    private static void Restore(VmDomain domain, IReadOnlyList<DiskSnapshot> shown)
    {
        if (shown.Count > 0)
        {
            Engine.Restore(domain, [.. shown.Where(snapshot => snapshot.Group == shown[0].Group)]);
        }
    }

    private static void Remove(VmDomain domain, IReadOnlyList<DiskSnapshot> shown)
    {
        foreach (var result in shown.Count > 0 ? Engine.TryRemove(domain, shown, cancellation: Token) : [])
        {
            if (result.Error is { } error)
            {
                throw error;
            }
        }
    }

    /// <summary>Another domain, shut off and running, with snapshots; a template with a clone; volumes; and what else root has.</summary>
    private void MakeCanaries(string folder, string subvolume)
    {
        Add(Keep(new BareDomain(
            Lab,
            "others-off",
            [
                Disk(Canary(Qcow2(folder, "others-off-a.qcow2")), format: "qcow2"),
                Disk(Canary(Raw(folder, "others-off-b.raw")), "vdb"),
                Disk(Canary(Raw(folder, "others-off-c.raw")), "vdc"),
                Disk(Canary(Qcow2(folder, "others-off-d.qcow2")), "vdd", "qcow2"),
                Disk(Canary(Raw(subvolume, "others-off-e.raw")), "vde"),
            ],
            isRunning: false)), "qemu", "reflink", "libvirt-volume", "qemu-internal", "btrfs");
        Add(Keep(new BareDomain(
            Lab,
            "others-on",
            [Disk(Canary(Qcow2(folder, "others-on-a.qcow2")), format: "qcow2"), Disk(Canary(Raw(folder, "others-on-b.raw")), "vdb")])), "qemu", "reflink");
        Canary(Qcow2(folder, "template.qcow2"));
        var clone = Canary(Qcow2(folder, "template.one.qcow2", "template.qcow2"));
        others.Add(Keep(new BareDomain(Lab, "others-clone", [Disk(clone, format: "qcow2")], isRunning: false)));
        Canary(Raw(folder, "volume.raw"));
        foreach (var place in new[] { folder, Directory.CreateDirectory(Path.Combine(Lab.Images, "root-files")).FullName })
        {
            var secret = Canary(Path.Combine(place, "secret.one.qcow2"));
            File.WriteAllText(secret, "precious");
            File.SetUnixFileMode(secret, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            File.WriteAllBytes(Canary(Path.Combine(place, "empty.one.qcow2")), []);
            File.CreateSymbolicLink(Canary(Path.Combine(place, "link.one.qcow2")), secret);
            LabScript.RunProgram("mkfifo", Canary(Path.Combine(place, "fifo.one.qcow2")));
            LabScript.RunProgram("mknod", Canary(Path.Combine(place, "null.one.qcow2")), "c", "1", "3");
            Keep(new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
                .Bind(new UnixDomainSocketEndPoint(Canary(Path.Combine(place, "socket.one.qcow2"))));
        }

        Lab.Virsh("pool-refresh", Pool);

        void Add(BareDomain domain, params string[] methods)
        {
            others.Add(domain);
            Lab.Virsh("pool-refresh", Pool);
            foreach (var (method, i) in methods.Select((method, i) => (method, i)))
            {
                Engine.Take(domain.Domain, "one", disks: [$"vd{(char)('a' + i)}"], method: method);
            }

            foreach (var set in SnapshotCatalog.Read(domain.Domain))
            {
                otherRecords.Add(set.ToElement());
                canaries.AddRange(set.Disks.SelectMany(disk => disk.Record.Data.DescendantsAndSelf().Attributes().Select(attribute => attribute.Value)
                    .Append(disk.Record.Source.Path!)).Where(Path.Exists).Except(canaries).Distinct().ToList());
            }
        }
    }

    private string Canary(string path)
    {
        canaries.Add(path);
        return path;
    }

    private string Facts() => string.Join('\n', canaries.Select(path => FuzzCrashTest.Facts(new FileInfo(path))));

    private string Contents() =>
        string.Join('\n', canaries.Select(path => Host.Stat(path) is { IsRegularFile: true } ? $"{path} {ImageDigest.OfFile(path)}" : path));

    private string Definitions() => string.Join('\n', others.Select(other => Lab.Virsh("dumpxml", other.Name)));
}
