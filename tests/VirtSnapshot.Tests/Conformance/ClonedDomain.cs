using System.Text.RegularExpressions;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Conformance;

/// <summary>A domain with another name and a UUID of its own that was defined from a domain's XML: records, journal and disks are the original's.</summary>
internal sealed class ClonedDomain : IDisposable
{
    private readonly MethodDomain original;
    private readonly string name;

    private ClonedDomain(MethodDomain original)
    {
        this.original = original;
        name = $"{original.Name}-clone";
        var definition = Path.GetTempFileName();
        var xml = original.Virsh("dumpxml", "--inactive", original.Name);
        File.WriteAllText(
            definition,
            Regex.Replace(xml, "<uuid>.*</uuid>", "").Replace($"<name>{original.Name}</name>", $"<name>{name}</name>", StringComparison.Ordinal));
        original.Virsh("define", definition);
        File.Delete(definition);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private VmDomain Domain => DomainFinder.FindOne(original.Uri, name, Token);

    /// <summary>
    /// Defines a clone that carries the records of a domain with one set, and then records and journals that claim this set with the clone's identity. All of
    /// them are removed, and the original's snapshots are as before.
    /// </summary>
    public static void AssertNobodyElseCanClaim(MethodDomain original)
    {
        var evidence = original.Evidence();
        var recorded = Assert.Single(SnapshotCatalog.Read(original.Domain));
        WriteJournal(original.Domain, RunOperation.Removal, recorded);
        using (var clone = new ClonedDomain(original))
        {
            ClearJournal(original.Domain);

            // The journal that came along is taken out, and so are the records.
            Assert.Equal(RepairAction.Cleared, clone.Repair()!.Action);
            Assert.Null(clone.Repair());
            clone.AssertForgotten(recorded.Disks.Count, evidence);

            var identity = SetIdentity.New(clone.Domain.Uuid, recorded.Name);
            var claimed = recorded with
            {
                Group = identity.Group,
                Identity = identity,
                Uri = MetadataUri.Set(identity.Group),
                Disks = [.. recorded.Disks.Select(disk => disk with { Record = disk.Record with { Set = identity } })],
            };
            using (var native = DomainFinder.Open(clone.Domain, Token))
            {
                SnapshotCatalog.Write(native, clone.Domain, claimed);
            }

            clone.AssertForgotten(recorded.Disks.Count, evidence);
            foreach (var operation in new[] { RunOperation.Snapshot, RunOperation.Removal, RunOperation.Restore, RunOperation.RestoreEnding })
            {
                WriteJournal(clone.Domain, operation, claimed);
                Assert.Equal((operation, RepairAction.Incomplete), (operation, clone.Repair()!.Action));
                ClearJournal(clone.Domain);
            }
        }

        Assert.Equal(evidence, original.Evidence());
        Assert.All(original.Snapshots, snapshot => Assert.Equal(SnapshotState.Available, snapshot.State));
    }

    public void Dispose() => LabScript.TryRunProgram("virsh", "-q", "-c", original.Uri, "undefine", name);

    private static void WriteJournal(VmDomain domain, RunOperation operation, SnapshotSet set)
    {
        using var native = DomainFinder.Open(domain, Token);
        var entries = set.Disks.Select(disk => new JournalEntry(set.Group, set.Name, disk.Record, WasRecorded: true, Becomes: disk.Record));
        new RunJournal(operation, DateTimeOffset.UtcNow, [.. entries]).Write(native, domain);
    }

    private static void ClearJournal(VmDomain domain)
    {
        using var native = DomainFinder.Open(domain, Token);
        RunJournal.Clear(native, DomainReader.Read(native));
    }

    private RepairResult? Repair()
    {
        using var plan = Engine.Current.PlanRepair(Domain, null, new HeardReporter(), Token);
        return plan?.Run(Token);
    }

    private void AssertForgotten(int count, string evidence)
    {
        var snapshots = Engine.List(Domain).Where(snapshot => snapshot.State != SnapshotState.Unknown).ToList();
        Assert.Equal(count, snapshots.Count);
        Assert.All(snapshots, snapshot => Assert.Equal((SnapshotState.Foreign, null), (snapshot.State, snapshot.BackupSource.Path)));
        Assert.Equal("SnapshotForeign", Engine.Refused(() => Engine.Restore(Domain, snapshots)).ErrorId);
        var heard = new HeardReporter();
        Assert.All(Engine.TryRemove(Domain, snapshots, reporter: heard, cancellation: Token), result => Assert.Null(result.Error));
        Assert.Equal(count, heard.Warnings.Count(warning => warning.Contains("nothing was deleted", StringComparison.Ordinal)));
        Assert.DoesNotContain("urn:virtsnapshot:1:set", Domain.Xml, StringComparison.Ordinal);
        Assert.Equal(evidence, original.Evidence());
    }
}
