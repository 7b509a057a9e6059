using VirtSnapshot.Methods;

namespace VirtSnapshot.Snapshots;

/// <summary>
/// One round of a removal under the journal: merge, rewrite the catalog, then delete. Each step can be repeated, so a removal is completed
/// after a crash by running it again.
/// </summary>
internal sealed class JournaledRemoval(DomainSession session, IRunReporter reporter)
{
    /// <summary>
    /// Ends a run whose set is recorded or undone: merges the temporary overlays that are in use, and
    /// clears the journal.
    /// </summary>
    /// <returns>Why one could not be merged; null on success.</returns>
    public static string? MergeTemporaryOverlays(
        DomainSession session, IRunReporter reporter, IReadOnlyList<JournalEntry> entries, CancellationToken cancellation)
    {
        var overlays = entries.Where(entry => entry.IsTemporaryOverlay).ToList();
        var taken = overlays.Count == 0
            ? []
            : session.Engine.Methods.TemporaryOverlay.PlanRecovery(session.ToRequest(), [.. overlays.Select(entry => entry.Record)]).Taken;
        if (taken.Count == 0)
        {
            RunJournal.Clear(session.Native, session.Domain);
            return null;
        }

        // From here on the journal records a removal of these overlays only: the set itself is recorded, and is kept.
        var removed = overlays.Where(entry => taken.Contains(entry.Record)).ToList();
        session.Journal(RunOperation.Removal, session.Engine.Now, removed);
        return new JournaledRemoval(session, reporter)
            .Run(session.Engine.Methods.TemporaryOverlay, removed, bandwidth: 0, cancellation)
            .FirstOrDefault(disk => disk.Failure is not null)?.Failure?.Error.Message;
    }

    /// <summary>
    /// Undoes a set that is not recorded: deletes unused snapshots, merges overlays in use, and clears the journal. The disk's method decides which of
    /// both it needs.
    /// </summary>
    /// <returns>What could not be undone, and why: then the journal is kept.</returns>
    public static IReadOnlyList<string> Undo(
        DomainSession session, IRunReporter reporter, IReadOnlyList<JournalEntry> entries, CancellationToken cancellation)
    {
        var parts = entries.GroupBy(entry => entry.Record.Method)
            .Select(part => (Provider: session.Engine.Methods.Find(part.Key, session.Domain), Entries: part.ToList()))
            .Select(part => (
                part.Provider, part.Entries, Recovery: part.Provider.PlanRecovery(session.ToRequest(), [.. part.Entries.Select(entry => entry.Record)])))
            .ToList();
        if (parts.SelectMany(part => part.Recovery.CleanUp()).ToList() is { Count: > 0 } kept)
        {
            return kept;
        }

        // From here on the journal records a removal: after a crash a partly merged base must not be recorded as a snapshot.
        foreach (var (provider, planned, recovery) in parts.Where(part => part.Recovery.Taken.Count > 0))
        {
            var failed = new JournaledRemoval(session, reporter)
                .Run(provider, [.. planned.Where(entry => recovery.Taken.Contains(entry.Record))], bandwidth: 0, cancellation)
                .Select(disk => disk.Failure?.Error.Message).OfType<string>().ToList();
            if (failed.Count > 0)
            {
                return failed;
            }
        }

        if (new SetFolder(session.Host, entries[0].Record.Set!).Delete() is { } problem)
        {
            reporter.Verbose($"Of the snapshot that was undone, {problem}.");
        }

        RunJournal.Clear(session.Native, session.Domain);
        return [];
    }

    public IReadOnlyList<RemovalOutcome> Run(
        SnapshotMethod provider, IReadOnlyList<JournalEntry> unproven, ulong bandwidth, CancellationToken cancellation)
    {
        session.Reread();
        if (DomainSession.FindSavedMemory(session.Native, session.Domain, "Nothing was removed.") is { } saved)
        {
            throw saved;
        }

        var (entries, unfit) = Prove(unproven);
        if (entries.Count == 0)
        {
            return unfit;
        }

        var journal = RunJournal.Read(session.Domain);
        var recorded = SnapshotCatalog.Read(session.Domain);
        var isRemoval = journal is { Operation: RunOperation.Removal };
        var removal = provider.PlanRemoval(new RemovalRequest(
            session.ToRequest(),
            [.. entries.Select(entry => entry.Record)],
            RecordProof.Own(session.Engine.Methods, session.ToRequest(), recorded.SelectMany(set => set.Disks).Select(disk => disk.Record)),
            session.Engine.Reached)
        {
            Bandwidth = bandwidth,
            Begun = Targets(entry => isRemoval && BegunEntry(entry) is not null),
            SameRun = Targets(entry => isRemoval && IsSameRun(entry)),
            Merged = Targets(IsMerged),
        });
        if (removal.Accepted.Count == 0)
        {
            return [.. unfit, .. removal.Refused];
        }

        var groups = entries.ToDictionary(entry => entry.Record.Target, entry => entry, StringComparer.Ordinal);
        var startedAt = session.Engine.Now;
        var accepted = removal.Accepted.Select(record => groups[record.Target]).Select(entry => entry with
        {
            Instance = session.Instance,
            WasRecorded = IsRecorded(entry) || BegunEntry(entry) is { WasRecorded: true },
        }).ToList();

        // Earlier entries stay in the journal until their removal is complete: only the journal shows that they are partly removed.
        var before = journal?.Entries ?? [];
        Journal(startedAt, [.. accepted, .. before.Where(entry => !accepted.Exists(entry.IsSameAs))]);
        session.Engine.Reached(RunStep.RemovalJournaled);
        var results = removal.Merge(progress => reporter.Progress(session.Domain.Name, progress), cancellation);

        session.Reconnect();
        SnapshotCatalog.Rewrite(
            session.Native,
            session.Domain,
            [.. results.Where(disk => disk.Failure is null).Select(disk => (groups[disk.Record.Target].Group, disk))]);
        session.Engine.Reached(RunStep.CatalogRewritten);
        results = [.. results.Select(disk => disk.Failure is null ? Discard(removal, disk) : disk)];
        DeleteFolders();
        session.Engine.Reached(RunStep.Discarded);
        var begun = accepted.Where(entry => results.Any(disk => disk.Record.Target == entry.Record.Target && disk.Failure is { HadBegun: true })).ToList();
        var removed = results.Where(disk => disk.Failure is null).Select(disk => groups[disk.Record.Target]).ToList();
        var unfinished = begun.Concat(before.Where(entry => !removed.Concat(begun).Any(entry.IsSameAs))).ToList();
        if (unfinished.Count > 0)
        {
            Journal(startedAt, unfinished);
        }
        else
        {
            RunJournal.Clear(session.Native, session.Domain);
        }

        return [.. unfit, .. removal.Refused, .. results];

        HashSet<string> Targets(Predicate<JournalEntry> isMeant) =>
            entries.Where(entry => isMeant(entry)).Select(entry => entry.Record.Target).ToHashSet(StringComparer.Ordinal);

        // With the last disk the set's folder is deleted. A set that is not recorded was undone, or a removal of it died here.
        void DeleteFolders()
        {
            var gone = results.Where(disk => disk.Failure is null).Select(disk => groups[disk.Record.Target]).ToList();
            foreach (var identity in gone.Select(entry => entry.Record.Set!).DistinctBy(identity => identity.Group))
            {
                var set = recorded.FirstOrDefault(set => set.Group == identity.Group);
                if ((set is null || set.Disks.All(disk => gone.Exists(entry => entry.Group == set.Group && entry.Record.IsSameAs(disk.Record))))
                    && new SetFolder(session.Host, identity).Delete() is { } problem && set is { Kept.Count: > 0 })
                {
                    reporter.Warning($"Of snapshot '{identity.Name}' of domain '{session.Domain.Name}', {problem}.");
                }
            }
        }

        // Within one and the same run of the domain only a merge takes an overlay out of its chain; and the catalog forgets a snapshot that it
        // had only after its merge was verified.
        bool IsMerged(JournalEntry entry) => IsSameRun(entry) || (BegunEntry(entry) is { WasRecorded: true } && !IsRecorded(entry));

        bool IsSameRun(JournalEntry entry) => BegunEntry(entry)?.Instance is { } instance && instance == session.Instance;

        JournalEntry? BegunEntry(JournalEntry entry) => journal?.Entries.FirstOrDefault(entry.IsSameAs);

        bool IsRecorded(JournalEntry entry) => recorded.Any(set =>
            set.Group == entry.Group && set.Disks.Any(disk => disk.Record.Target == entry.Record.Target));
    }

    /// <summary>Changes the objects of a record only where it is proven to be this domain's.</summary>
    private (IReadOnlyList<JournalEntry> Proven, IReadOnlyList<RemovalOutcome> Unfit) Prove(IReadOnlyList<JournalEntry> entries)
    {
        var proven = new List<JournalEntry>();
        var unfit = new List<RemovalOutcome>();
        try
        {
            using var ahead = RecordProof.ReadAhead(session.ToRequest(), [.. entries.Select(entry => entry.Record)]);
            foreach (var entry in entries)
            {
                try
                {
                    proven.Add(RecordProof.Verify(session.Engine.Methods, session.ToRequest(), entry));
                }
                catch (VirtSnapshotException e)
                {
                    unfit.Add(Unfit(entry, e));
                }
            }
        }
        catch (VirtSnapshotException e)
        {
            // A host that does not respond is not queried again for each of them.
            return ([], [.. entries.Select(entry => Unfit(entry, e))]);
        }

        return (proven, unfit);

        static RemovalOutcome Unfit(JournalEntry entry, VirtSnapshotException error) =>
            new(entry.Record, null, null, new RemovalFailure(error, HadBegun: false));
    }

    /// <summary>While a file cannot be deleted, the journal is kept: only it names the file.</summary>
    private RemovalOutcome Discard(IRemoval removal, RemovalOutcome disk)
    {
        try
        {
            removal.Discard(session.ToRequest(), disk);
            return disk;
        }
        catch (VirtSnapshotException e)
        {
            return disk with { Failure = new RemovalFailure(e, HadBegun: true) };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return disk with
            {
                Failure = new RemovalFailure(
                    new VirtSnapshotException(
                        FailureKind.PermissionDenied,
                        "OverlayNotDeleted",
                        session.Domain,
                        $"The overlay of disk '{disk.Record.Target}' of domain '{session.Domain.Name}' is merged and not needed any more, but could not be "
                        + $"deleted: {e.Message}. "
                        + "Fix the cause, then run Repair-DiskSnapshot.",
                        e),
                    HadBegun: true),
            };
        }
    }

    private void Journal(DateTimeOffset startedAt, IReadOnlyList<JournalEntry> entries) =>
        session.Journal(RunOperation.Removal, startedAt, entries);
}
