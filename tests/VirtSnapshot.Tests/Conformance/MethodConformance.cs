using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Faults;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Conformance;

/// <summary>
/// What every method must do, whatever its storage. A method is tested by a class that derives from <see cref="LocalConformance"/>, or from the lab host's
/// counterpart: it says how a disk is made and what is particular of the method. See docs/writing-a-method.md.
/// </summary>
public abstract class MethodConformance
{
    private protected abstract ConformanceTraits Traits { get; }

    private protected static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Method => Traits.Method;

    /// <summary>A shut-off domain.</summary>
    /// <param name="own">How many of its disks, from vda on, are on the method's storage.</param>
    /// <param name="hasOther">Whether it has another disk behind those, for the traits' other method.</param>
    private protected abstract MethodDomain Make(int own, bool hasOther = false);

    [Fact]
    public virtual void Snapshots_hold_what_was_there_and_go_in_any_order()
    {
        var domain = Make(Traits.Disks);
        var (storage, contents) = (domain.Storage(), TakeThree(domain));
        Assert.Equal("SnapshotExists", Engine.Refused(() => Take(domain, "s2")).ErrorId);
        domain.Write(4);
        AssertContents(domain, contents);

        Engine.Remove(domain.Domain, domain.Named("s2"));
        contents.Remove("s2");
        AssertContents(domain, contents);

        // One disk's snapshot goes without that of the other.
        Engine.Remove(domain.Domain, domain.Named("s3")[0]);
        Assert.Equal(contents["s3"][1..], domain.Read(domain.Named("s3")));

        var disks = domain.ReadDisks();
        Engine.Remove(domain.Domain, domain.Snapshots);
        Assert.Equal(disks, domain.ReadDisks());
        AssertNothingLeft(domain, storage);
    }

    [Fact]
    public void A_set_of_two_methods_is_taken_and_restored_as_one()
    {
        var domain = Make(1, hasOther: true);
        var storage = domain.Storage();
        Engine.Settings.Set(domain.Domain, [DiskSelector.Parse("vda")], DiskSnapshotMethod.Parse(Method));
        Engine.Settings.Set(domain.Domain, [DiskSelector.Parse("vdb")], DiskSnapshotMethod.Parse(Traits.Other));
        domain.Write(1);
        var before = domain.ReadDisks();
        var set = Engine.Take(domain.Domain, "mixed");
        Assert.Equal([Method, Traits.Other], set.Select(snapshot => snapshot.Method));
        domain.Write(2);
        Assert.Equal(before, domain.Read(set));
        Assert.All(domain.Snapshots, snapshot => Assert.Equal(SnapshotState.Available, snapshot.State));

        Engine.Restore(domain.Domain, "mixed");
        Assert.Equal(before, domain.ReadDisks());
        Assert.Null(RunJournal.Read(domain.Domain));
        Engine.Remove(domain.Domain, domain.Snapshots);
        Assert.Equal(before, domain.ReadDisks());
        AssertNothingLeft(domain);
        AssertSameStorage(domain, storage);
    }

    [Fact]
    public void Restored_disks_hold_what_the_snapshot_held_and_the_others_fare_as_promised()
    {
        var domain = Make(1);
        var storage = domain.Storage();
        var contents = TakeThree(domain);
        domain.Write(4);
        foreach (var name in Traits.Restores)
        {
            if (!contents.TryGetValue(name, out var content))
            {
                continue;
            }

            string[] lost = Traits.Restore == RestoreEffect.LosesNewer ? [.. contents.Keys.Where(other => string.CompareOrdinal(other, name) > 0)] : [];
            using (var plan = Engine.Current.PlanRestore(domain.Domain, domain.Named(name), false, new HeardReporter(), Token))
            {
                Assert.All(plan.Disks, disk => Assert.Equal(lost.OrderDescending(), disk.LostSnapshots));
                Assert.All(plan.Disks, disk => Assert.Equal(Traits.Restore == RestoreEffect.UsesUp, disk.UsesUpSnapshot));
            }

            var isUsedUp = Traits.Restore == RestoreEffect.UsesUp;
            Assert.Equal(isUsedUp ? [] : [name], Engine.Restore(domain.Domain, name).Select(snapshot => snapshot.Name));
            foreach (var gone in isUsedUp ? [name] : lost)
            {
                contents.Remove(gone);
            }

            Assert.Equal(content, domain.ReadDisks());
            AssertContents(domain, contents);

            // The disk is the guest's, and the snapshot is not.
            domain.Write(9);
            Assert.NotEqual(content, domain.ReadDisks());
            AssertContents(domain, contents);
        }

        Engine.Remove(domain.Domain, domain.Snapshots);
        AssertNothingLeft(domain);
        AssertSameStorage(domain, storage);
    }

    [Fact]
    public void A_killed_snapshot_is_undone_or_kept_as_a_whole()
    {
        var domain = Make(Traits.Disks);
        domain.Write(1);
        var (storage, disks) = (domain.Storage(), domain.ReadDisks());
        foreach (var step in Traits.SnapshotSteps)
        {
            Kill(domain, new CrashTestRequest { Work = CrashTestWork.Snapshot, Method = Method, Step = step });
            AssertNothingElseBegins(domain);
            var isKept = step == RunStep.Recorded || (Traits.ChangesDisk && step is RunStep.Taken or RunStep.Thawed);
            AssertRepaired(domain, step, step == RunStep.Recorded ? RepairAction.Cleared : isKept ? RepairAction.Finished : RepairAction.Undone);
            var set = domain.Snapshots;
            Assert.Equal((step, isKept ? Traits.Disks : 0), (step, set.Count));
            Assert.All(set, snapshot => Assert.Equal(
                (step, SnapshotState.Available, step == RunStep.Recorded ? Consistency.Offline : Consistency.CrashConsistent),
                (step, snapshot.State, snapshot.Consistency)));
            Assert.Equal(isKept ? disks : [], domain.Read(set));
            Engine.Remove(domain.Domain, set);
            Assert.Equal(disks, domain.ReadDisks());
            AssertNothingLeft(domain, storage);
        }
    }

    [Fact]
    [Trait("Quick", "no")]
    public void A_killed_removal_is_finished_and_the_other_snapshots_stay()
    {
        var domain = Make(Traits.Disks);
        var storage = domain.Storage();
        var contents = TakeThree(domain);
        byte number = 3;
        foreach (var (step, position) in Traits.RemovalSteps)
        {
            domain.Write((byte)(number + 1));
            var (name, disks) = (contents.Keys.ElementAt(position), domain.ReadDisks());
            Kill(domain, new CrashTestRequest { Work = CrashTestWork.Removal, Name = name, Step = step });
            Assert.All(domain.Named(name), snapshot => Assert.Equal(SnapshotState.Removing, snapshot.State));
            AssertRepaired(domain, step, RepairAction.Finished);
            contents.Remove(name);
            Assert.Equal(disks, domain.ReadDisks());
            AssertContents(domain, contents);
            Take(domain, $"s{++number}");
            contents = contents.Append(new($"s{number}", disks)).ToDictionary();
        }

        Engine.Remove(domain.Domain, domain.Snapshots);
        AssertNothingLeft(domain, storage);
    }

    [Fact]
    [Trait("Quick", "no")]
    public void A_killed_restore_is_undone_or_finished()
    {
        var domain = Make(Traits.Disks);
        var storage = domain.Storage();
        var contents = new Dictionary<string, string[]>(StringComparer.Ordinal);
        foreach (var (step, occurrence) in Traits.RestoreSteps)
        {
            // What is lost with a restore is taken anew.
            TakeMissing(1, "older");
            TakeMissing(2, "s1");
            TakeMissing(3, "newer");
            domain.Write(4);
            var disks = domain.ReadDisks();
            Kill(domain, new CrashTestRequest { Work = CrashTestWork.Restore, Name = "s1", Step = step, Occurrence = occurrence });
            var isFinished = step is not (RunStep.RestoreJournaled or RunStep.RestorePrepared or RunStep.DiskSwitched)
                || (step == RunStep.DiskSwitched && (occurrence == Traits.Disks || Traits.RestoreIsFinal));
            if (step == RunStep.Discarded)
            {
                // The user goes on with it, and repairs some day.
                domain.Write(5);
                disks = domain.ReadDisks();
            }

            AssertRepaired(domain, step, isFinished ? RepairAction.Finished : RepairAction.Undone);
            Assert.Equal(step == RunStep.Discarded || !isFinished ? disks : contents["s1"], domain.ReadDisks());
            if (isFinished && Traits.Restore != RestoreEffect.KeepsAll)
            {
                contents.Remove(Traits.Restore == RestoreEffect.UsesUp ? "s1" : "newer");
            }

            AssertContents(domain, contents);
        }

        Engine.Remove(domain.Domain, domain.Snapshots);
        AssertNothingLeft(domain);
        AssertSameStorage(domain, storage);

        void TakeMissing(byte content, string name)
        {
            // Others stay in any case where all stay: that is proven without a kill.
            if (!contents.ContainsKey(name) && (name == "s1" || Traits.Restore == RestoreEffect.LosesNewer))
            {
                domain.Write(content);
                contents[name] = domain.ReadDisks();
                Take(domain, name);
            }
        }
    }

    [Fact]
    public void A_snapshot_that_is_read_stays_and_one_that_is_gone_is_forgotten()
    {
        var domain = Make(Traits.Disks);
        domain.Write(1);
        var (storage, set) = (domain.Storage(), Take(domain, "one"));
        if (Traits.SeesReaders)
        {
            using var reader = domain.Open(set[0]);
            var error = Engine.RemovalRefused(domain.Domain, set[0]);
            Assert.Equal((FailureKind.ResourceBusy, "SourceInUse"), (error.Kind, error.ErrorId));
        }

        Assert.Null(RunJournal.Read(domain.Domain));
        Assert.All(domain.Snapshots, snapshot => Assert.Equal(SnapshotState.Available, snapshot.State));
        if (Traits.ChangesDisk)
        {
            // Without its base the disk is lost: there is nothing to forget.
            Engine.Remove(domain.Domain, domain.Snapshots);
        }
        else
        {
            domain.Destroy(set[^1]);
            Assert.Equal(SnapshotState.Missing, domain.Snapshots[^1].State);
            Engine.Remove(domain.Domain, domain.Snapshots);
        }

        AssertNothingLeft(domain, storage);
    }

    [Fact]
    public void A_clone_or_a_forged_record_deletes_nothing()
    {
        var domain = Make(Traits.Disks);
        domain.Write(1);
        var (storage, disks, set) = (domain.Storage(), domain.ReadDisks(), Take(domain, "one"));
        ClonedDomain.AssertNobodyElseCanClaim(domain);
        Assert.Equal(disks, domain.Read(set));
        Engine.Remove(domain.Domain, domain.Snapshots);
        AssertNothingLeft(domain, storage);
    }

    private protected IReadOnlyList<DiskSnapshot> Take(MethodDomain domain, string name, IReadOnlyList<string>? disks = null) =>
        Engine.Take(domain.Domain, name, disks, method: Method);

    /// <summary>Sets s1, s2, s3 of all disks, and what each holds.</summary>
    private protected Dictionary<string, string[]> TakeThree(MethodDomain domain)
    {
        var contents = new Dictionary<string, string[]>(StringComparer.Ordinal);
        for (byte number = 1; number <= 3; number++)
        {
            domain.Write(number);
            contents[$"s{number}"] = domain.ReadDisks();
            var set = Take(domain, $"s{number}");
            Assert.All(set, snapshot => Assert.Equal(
                (Method, Consistency.Offline, SnapshotState.Available, Traits.ChangesDisk),
                (snapshot.Method, snapshot.Consistency, snapshot.State, snapshot.ModifiedDisk is not null)));
        }

        Assert.Equal(3, contents.Values.Select(content => string.Concat(content)).Distinct().Count());
        return contents;
    }

    /// <summary>These are listed and available, there is no journal, and each holds what it should.</summary>
    private protected static void AssertContents(MethodDomain domain, Dictionary<string, string[]> contents)
    {
        var snapshots = domain.Snapshots;
        Assert.Null(RunJournal.Read(domain.Domain));
        Assert.All(snapshots, snapshot => Assert.Equal((snapshot.Name, SnapshotState.Available), (snapshot.Name, snapshot.State)));
        Assert.Equal(
            contents.OrderBy(set => set.Key, StringComparer.Ordinal)
                .SelectMany(set => set.Value.Select((digest, disk) => $"vd{(char)('a' + disk)}@{set.Key}={digest}")),
            snapshots.Zip(domain.Read(snapshots), (snapshot, digest) => (snapshot.Name, Text: $"{snapshot.Disk}@{snapshot.Name}={digest}"))
                .OrderBy(found => found.Name, StringComparer.Ordinal).Select(found => found.Text));
    }

    private protected static void AssertNothingLeft(MethodDomain domain, IReadOnlyList<string>? storage = null)
    {
        Assert.Empty(domain.Snapshots);
        Assert.Null(RunJournal.Read(domain.Domain));
        Assert.DoesNotContain("urn:virtsnapshot:1:set", domain.Domain.Xml, StringComparison.Ordinal);
        if (storage is not null)
        {
            Assert.Equal(storage, domain.Storage());
        }
    }

    /// <summary>After a restore.</summary>
    private protected void AssertSameStorage(MethodDomain domain, IReadOnlyList<string> storage)
    {
        if (Traits.RestoreMovesDisk)
        {
            Assert.Equal(storage.Count, domain.Storage().Count);
        }
        else
        {
            Assert.Equal(storage, domain.Storage());
        }
    }

    private protected static void Kill(MethodDomain domain, CrashTestRequest request) =>
        CrashTestProcess.Die(domain.Uri, domain.Name, request with { Quiescence = Quiescence.None });

    private protected static RepairResult? Repair(VmDomain domain)
    {
        using var plan = Engine.Current.PlanRepair(domain, null, new HeardReporter(), Token);
        return plan?.Run(Token);
    }

    /// <summary>Repaired once, and found in order by the second repair. Planning alone changes nothing.</summary>
    private protected static void AssertRepaired(MethodDomain domain, RunStep step, RepairAction action)
    {
        var before = (domain.Domain.Xml, string.Join('\n', domain.Storage()));
        using (var plan = Engine.Current.PlanRepair(domain.Domain, null, new HeardReporter(), Token))
        {
            Assert.NotEmpty(plan!.Description);
            Assert.Equal(before, (domain.Domain.Xml, string.Join('\n', domain.Storage())));
            Assert.Equal((step, action), (step, plan.Run(Token).Action));
        }

        Assert.Null(RunJournal.Read(domain.Domain));
        Assert.Null(Repair(domain.Domain));
    }

    private void AssertNothingElseBegins(MethodDomain domain) => Assert.Equal("UnfinishedRun", Engine.Refused(() => Take(domain, "next")).ErrorId);
}
