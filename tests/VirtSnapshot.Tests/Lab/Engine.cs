using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using Xunit;

namespace VirtSnapshot.Tests.Lab;

/// <summary>The engine's ways in, as short as a test wants them.</summary>
internal static class Engine
{
    public static readonly QuiesceOptions Required = new() { Quiescence = Quiescence.Required };

    public static readonly QuiesceOptions NoQuiesce = new() { Quiescence = Quiescence.None };

    private static MethodRegistry methods = BuiltInMethods.Create();
    private static bool keepsSpareGuards = true;

    /// <summary>The engine of this test process, as the running test wants it.</summary>
    public static SnapshotEngine Current { get; private set; } = Create();

    /// <summary>Called at each step of each operation.</summary>
    public static Action<RunStep>? Observer { get; set; }

    /// <summary>Whether a guard is started ahead for the next run: not where a test looks at the processes of guards.</summary>
    public static bool KeepsSpareGuards
    {
        set
        {
            keepsSpareGuards = value;
            Replace();
        }
    }

    public static MethodSettings Settings => Current.Settings;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Takes one set. Guests are frozen only where a test says so.</summary>
    public static IReadOnlyList<DiskSnapshot> Take(
        VmDomain domain,
        string? name = null,
        IReadOnlyList<string>? disks = null,
        QuiesceOptions? quiescing = null,
        string? overlayDirectory = null,
        string? method = null,
        IRunReporter? reporter = null,
        ShieldUse shield = ShieldUse.WhereNeeded)
    {
        using var plan = Current.PlanSnapshot(
            new SnapshotRequest(
                domain,
                [.. (disks ?? []).Select(DiskSelector.Parse)],
                method is null ? null : DiskSnapshotMethod.Parse(method),
                name is null ? null : SnapshotName.Parse(name),
                quiescing ?? NoQuiesce,
                shield,
                overlayDirectory),
            reporter ?? new HeardReporter(),
            Token);
        return plan.Run(Token);
    }

    public static IReadOnlyList<RemovalResult> TryRemove(
        VmDomain domain,
        IReadOnlyList<DiskSnapshot> snapshots,
        RemovalOptions? options = null,
        IRunReporter? reporter = null,
        CancellationToken cancellation = default)
    {
        using var plan = Current.PlanRemoval(domain, snapshots, reporter ?? new HeardReporter(), Token);
        return plan.Run(options ?? new RemovalOptions(), cancellation);
    }

    /// <summary>Removes snapshots, and insists that it works.</summary>
    public static void Remove(VmDomain domain, params IReadOnlyList<DiskSnapshot> snapshots) =>
        Assert.All(TryRemove(domain, snapshots), result => Assert.Null(result.Error));

    /// <summary>Restores one set, or some of its disks.</summary>
    public static IReadOnlyList<DiskSnapshot> Restore(
        VmDomain domain, IReadOnlyList<DiskSnapshot> snapshots, IRunReporter? reporter = null, bool includeFirmware = false)
    {
        using var plan = Current.PlanRestore(domain, snapshots, includeFirmware, reporter ?? new HeardReporter(), Token);
        return plan.Run(Token);
    }

    /// <summary>Restores the set of that name.</summary>
    public static IReadOnlyList<DiskSnapshot> Restore(VmDomain domain, string name) =>
        Restore(domain, [.. List(domain).Where(snapshot => snapshot.Name == name)]);

    public static IReadOnlyList<DiskSnapshot> List(VmDomain domain, SnapshotListing? listing = null) => Current.List(domain, listing);

    /// <summary>Puts a method beside the module's own until the result is disposed of.</summary>
    public static IDisposable Register(SnapshotMethod method)
    {
        var before = methods;
        methods = new MethodRegistry([.. before.Methods, method]);
        Replace();
        return new Undo(() =>
        {
            methods = before;
            Replace();
        });
    }

    public static VirtSnapshotException Refused(Action action) => Assert.Throws<VirtSnapshotException>(action);

    /// <summary>The one error of a removal that did not work.</summary>
    public static VirtSnapshotException RemovalRefused(VmDomain domain, params IReadOnlyList<DiskSnapshot> snapshots) =>
        Assert.Single(TryRemove(domain, snapshots)).Error ?? throw new InvalidOperationException("The snapshot was removed.");

    /// <summary>No snapshots, no journal, no overlay; live and stored definition show the same disks.</summary>
    public static void AssertNothingLeft(VmDomain domain)
    {
        Assert.Empty(List(domain));
        Assert.Null(RunJournal.Read(domain));
        Assert.DoesNotContain("urn:virtsnapshot:1:set", domain.Xml, StringComparison.Ordinal);
        foreach (var folder in domain.Disks.Where(disk => disk.Source.Path is not null).Select(disk => Path.GetDirectoryName(disk.Source.Path)!).Distinct())
        {
            Assert.DoesNotContain(
                Directory.GetFiles(folder),
                file => Path.GetFileName(file).StartsWith($"{domain.Name}-", StringComparison.Ordinal) && Path.GetFileName(file).Count(c => c == '.') > 1);
        }
    }

    private static void Replace()
    {
        Current.Release();
        Current = Create();
    }

    private static SnapshotEngine Create() =>
        new(methods, observer: step => Observer?.Invoke(step), guards: new SpareGuards(keepsSpareGuards));
}
