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
        using var plan = SnapshotPlan.Make(
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
        using var plan = RemovalPlan.Make(domain, snapshots, reporter ?? new HeardReporter(), Token);
        return plan.Run(options ?? new RemovalOptions(), cancellation);
    }

    /// <summary>Removes snapshots, and insists that it works.</summary>
    public static void Remove(VmDomain domain, params IReadOnlyList<DiskSnapshot> snapshots) =>
        Assert.All(TryRemove(domain, snapshots), result => Assert.Null(result.Error));

    /// <summary>Restores one set, or some of its disks.</summary>
    public static IReadOnlyList<DiskSnapshot> Restore(
        VmDomain domain, IReadOnlyList<DiskSnapshot> snapshots, IRunReporter? reporter = null, bool includeFirmware = false)
    {
        using var plan = RestorePlan.Make(domain, snapshots, includeFirmware, reporter ?? new HeardReporter(), Token);
        return plan.Run(Token);
    }

    /// <summary>Restores the set of that name.</summary>
    public static IReadOnlyList<DiskSnapshot> Restore(VmDomain domain, string name) =>
        Restore(domain, [.. SnapshotList.Of(domain).Where(snapshot => snapshot.Name == name)]);

    public static VirtSnapshotException Refused(Action action) => Assert.Throws<VirtSnapshotException>(action);

    /// <summary>The one error of a removal that did not work.</summary>
    public static VirtSnapshotException RemovalRefused(VmDomain domain, params IReadOnlyList<DiskSnapshot> snapshots) =>
        Assert.Single(TryRemove(domain, snapshots)).Error ?? throw new InvalidOperationException("The snapshot was removed.");

    /// <summary>No snapshots, no journal, no overlay; live and stored definition show the same disks.</summary>
    public static void AssertNothingLeft(VmDomain domain)
    {
        Assert.Empty(SnapshotList.Of(domain));
        Assert.Null(RunJournal.Read(domain));
        Assert.DoesNotContain("urn:virtsnapshot:1:set", domain.Xml, StringComparison.Ordinal);
        foreach (var folder in domain.Disks.Where(disk => disk.Source.Path is not null).Select(disk => Path.GetDirectoryName(disk.Source.Path)!).Distinct())
        {
            Assert.DoesNotContain(
                Directory.GetFiles(folder),
                file => Path.GetFileName(file).StartsWith($"{domain.Name}-", StringComparison.Ordinal) && Path.GetFileName(file).Count(c => c == '.') > 1);
        }
    }
}
