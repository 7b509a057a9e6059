using System.Xml.Linq;
using VirtSnapshot.Hosts;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Storage;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>What the fault tests share: their guests, repairing, and the proof that all is well afterwards.</summary>
public abstract class FaultTest : IClassFixture<OwedProof>, IDisposable
{
    private static readonly LocalHost Host = new("test:///default");

    protected FaultTest(LabFixture lab)
    {
        Lab = lab;
        Engine.KeepsSpareGuards = false;
    }

    protected LabFixture Lab { get; }

    /// <summary>A running guest with two disks that records without a rest. Every test leaves it without snapshots.</summary>
    protected TestGuest Live => Lab.Guest("faults");

    /// <summary>A shut-off domain with two disks. Every test leaves it without snapshots.</summary>
    protected TestGuest ShutOff => Lab.Guest("faults-off", "--define-only");

    private protected static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        Engine.KeepsSpareGuards = true;
        Engine.Observer = null;
        CleanUp();
        if (TestContext.Current.TestState?.Result == TestResult.Failed)
        {
            Mend(Live);
            Mend(ShutOff);
        }

        GC.SuppressFinalize(this);
    }

    protected virtual void CleanUp()
    {
    }

    /// <summary>One test's failure is not to be everybody's.</summary>
    private static void Mend(TestGuest guest)
    {
        LabScript.TryRunProgram("virsh", "-q", "-c", guest.Lab.Uri, "domfsthaw", guest.Name);
        using (var plan = Engine.Current.PlanRepair(guest.Domain, null, new HeardReporter(), CancellationToken.None))
        {
            plan?.Run(CancellationToken.None);
        }

        Engine.TryRemove(guest.Domain, Engine.List(guest.Domain), cancellation: CancellationToken.None);
    }

    /// <summary>Does something once, when this process comes to a step.</summary>
    private protected static void At(RunStep step, Action action)
    {
        Engine.Observer = reached =>
        {
            if (reached == step)
            {
                Engine.Observer = null;
                action();
            }
        };
    }

    private protected static QuiesceOptions Freezing(Quiescence quiescence, double seconds) =>
        new() { Quiescence = quiescence, FreezeTimeout = TimeSpan.FromSeconds(seconds) };

    private protected static IReadOnlyList<DiskSnapshot> Named(TestGuest guest, string name) =>
        [.. Engine.List(guest.Domain).Where(snapshot => snapshot.Name == name)];

    /// <summary>Three sets on both disks, each layer with data of its own: s1, s2, s3.</summary>
    private protected static void TakeThree(TestGuest guest)
    {
        for (byte i = 1; i <= 3; i++)
        {
            Engine.Take(guest.Domain, $"s{i}");
            Use(guest, i);
        }
    }

    /// <summary>What somebody does by hand to a domain that is shut off.</summary>
    private protected static void MoveDisk(TestGuest guest, string from, string to)
    {
        var definition = Path.Combine(guest.Lab.Folder, "moved.xml");
        File.WriteAllText(definition, guest.Domain.Xml.Replace($"'{from}'", $"'{to}'", StringComparison.Ordinal));
        guest.Lab.Virsh("define", definition);
    }

    /// <summary>Lets the guest write; what is shut off is written to from outside.</summary>
    private protected static void Use(TestGuest guest, byte pattern)
    {
        var domain = guest.Domain;
        if (domain.IsActive)
        {
            guest.WaitForMoreRecords();
            return;
        }

        foreach (var disk in domain.Disks)
        {
            // Beyond what the file system uses, one stretch for each layer and one for all.
            BareDomain.WriteOffline(disk.Source.Path!, pattern, $"{48 + pattern}M");
            BareDomain.WriteOffline(disk.Source.Path!, pattern, "48M");
        }
    }

    /// <summary>What a reader finds in each snapshot but the named one; of a shut-off domain also what its disks hold.</summary>
    private protected static IReadOnlyList<string> Contents(TestGuest guest, string exceptName)
    {
        var domain = guest.Domain;
        return
        [
            .. Engine.List(domain).Where(snapshot => snapshot.Name != exceptName)
                .OrderBy(snapshot => $"{snapshot}", StringComparer.Ordinal)
                .Select(snapshot => $"{snapshot} {ImageDigest.Of(snapshot.BackupSource)}"),
            .. domain.Disks.Where(_ => !domain.IsActive).Select(disk => $"{disk} {ImageDigest.Of(disk.Source)}"),
        ];
    }

    /// <summary>Plans a repair, insists that planning alone changes nothing, and carries it out.</summary>
    private protected static RepairResult Repair(BareDomain domain)
    {
        using var plan = Engine.Current.PlanRepair(domain.Domain, null, new HeardReporter(), Token)!;
        return plan.Run(Token);
    }

    private protected static RepairResult Repair(TestGuest guest)
    {
        var before = Standing(guest);
        using (var plan = Engine.Current.PlanRepair(guest.Domain, null, new HeardReporter(), Token))
        {
            Assert.NotNull(plan);
            Assert.NotEmpty(plan.Description);
        }

        Assert.Equal(before, Standing(guest));
        using var again = Engine.Current.PlanRepair(guest.Domain, null, new HeardReporter(), Token)!;
        return again.Run(Token);
    }

    private protected static void AssertNothingToRepair(TestGuest guest)
    {
        using var plan = Engine.Current.PlanRepair(guest.Domain, null, new HeardReporter(), Token);
        Assert.Null(plan);
    }

    /// <summary>No journal, every snapshot as its record says, no overlay without a record, no file that no disk stands on.</summary>
    internal static void AssertAgreement(TestGuest guest, params string[] names)
    {
        var domain = guest.Domain;
        Assert.Null(RunJournal.Read(domain));
        var snapshots = Engine.List(domain);
        Assert.All(snapshots, snapshot => Assert.Equal(SnapshotState.Available, snapshot.State));
        Assert.Equal(names.Order(StringComparer.Ordinal), snapshots.Select(snapshot => snapshot.Name).Distinct().Order(StringComparer.Ordinal));
        Assert.Equal(names.Length * domain.Disks.Count, snapshots.Count);
        Assert.Equal(
            string.Join('\n', domain.Disks.SelectMany(disk => ImageChain.Of(Host, domain, disk)).Select(layer => layer.Path).Order(StringComparer.Ordinal)),
            Files(guest));
        AssertNothingToRepair(guest);
    }

    /// <summary>The guest writes on, and nothing is left; that no record is lost is proven at the end of the class.</summary>
    private protected static void AssertAllRecordsThere(TestGuest guest)
    {
        guest.WaitForMoreRecords(1);
        Engine.Remove(guest.Domain, Engine.List(guest.Domain));
        AssertAgreement(guest);
        Guard.AssertGone(guest);
        TestContext.Current.GetFixture<OwedProof>().AsTask().GetAwaiter().GetResult()!.Owe(guest);
    }

    /// <summary>Everything of a domain that we could have changed.</summary>
    private protected static string Standing(TestGuest guest)
    {
        var domain = guest.Domain;
        return $"{string.Concat(domain.Root.Elements("metadata").Elements())}\n{string.Join('\n', domain.Disks.Select(disk => disk.Source))}\n{Files(guest)}";
    }

    private protected static string Files(TestGuest guest) =>
        string.Join('\n', Directory.GetFiles(guest.Lab.Images, $"{guest.Name}-vd*").Order(StringComparer.Ordinal));
}
