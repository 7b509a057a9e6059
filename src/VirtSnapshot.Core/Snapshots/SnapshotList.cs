using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Methods;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Snapshots;

/// <summary>What snapshots a domain has: the catalog held against reality. Takes no lock and changes nothing.</summary>
/// <param name="engine">The methods.</param>
/// <param name="listing">The listing that this is a part of.</param>
internal sealed class SnapshotList(SnapshotEngine engine, SnapshotListing listing)
{
    /// <inheritdoc cref="SnapshotEngine.List"/>
    public IReadOnlyList<DiskSnapshot> Of(VmDomain domain)
    {
        ArgumentNullException.ThrowIfNull(domain);
        return DomainSession.Guarded(domain, "reading its snapshots", () =>
        {
            using var native = DomainFinder.Open(domain);
            var now = DomainReader.Read(native);
            listing.Warn(PausedGuest.FindWarning(now));
            try
            {
                var request = new MethodRequest(native, now, new CachingHost(HostFinder.For(native.Connection, now)));
                return Of(now, request);
            }
            catch (VirtSnapshotException e) when (e.ErrorId is "HostUnreachable" or "SudoRefused")
            {
                // Without the host, the list shows only libvirt's information.
                return Of(now, null);
            }
        });
    }

    private List<DiskSnapshot> Of(VmDomain domain, MethodRequest? request)
    {
        var journal = ReadJournal(domain, out var isDamaged);
        var definitions = SnapshotCatalog.Read(domain).Select(set => SetFolder.FindCopy(domain, set, null)).OfType<string>();
        using var ahead = request is null ? null : ImageChain.ReadAhead(request.Host, domain.Disks.Select(disk => disk.Source), definitions);
        using var records = request is null ? null : RecordProof.ReadAhead(request, SnapshotCatalog.ReadDisks(domain));
        List<DiskSnapshot> recorded = [.. Recorded(domain, request, journal)];
        if (isDamaged)
        {
            // Only the journal shows which of them is partly removed or restored.
            return [.. recorded.Select(snapshot => snapshot.State == SnapshotState.Available ? snapshot with { State = SnapshotState.Unverified } : snapshot)];
        }

        if (request is null)
        {
            return recorded;
        }

        var found = Redefinition.FindLost(engine.Methods, request, listing.FoldersOf(request));
        listing.Warn(Redefinition.Describe(Redefinition.FindBehind(request)).Concat(Redefinition.Describe(domain, found)));

        // An overlay that the disk cannot use is not a snapshot of it: it causes a warning, and cannot be restored or removed.
        IReadOnlyList<LostDisk> lost = [.. found.Where(disk => disk.WhyUseless is null)];
        return [.. WithLost(domain, recorded, lost), .. Unrecorded(domain, request, journal, lost)];
    }

    /// <summary>Snapshots that storage proves to be this domain's, though its definition was replaced by an old one.</summary>
    private static IEnumerable<DiskSnapshot> WithLost(VmDomain domain, List<DiskSnapshot> recorded, IReadOnlyList<LostDisk> lost)
    {
        return recorded
            .Select(snapshot => snapshot.State == SnapshotState.Invalid && lost.Any(disk => !disk.IsInChain && IsOf(disk, snapshot))
                ? snapshot with { State = SnapshotState.Detached }
                : snapshot)
            .Concat(lost.Where(disk => !recorded.Exists(snapshot => IsOf(disk, snapshot))).Select(disk => new DiskSnapshot
            {
                Domain = domain.Name,
                DomainUuid = domain.Uuid,
                Disk = disk.Record.Target,
                Name = disk.Record.Set!.Name.ToString(),
                Group = disk.Record.Set.Group,
                Method = disk.Record.Method,
                CreatedAt = disk.TakenAt,
                ModifiedDisk = disk.IsInChain ? domain.FindDisk(disk.Record.Target) : null,
                BackupSource = disk.Record.Source,
                State = disk.IsInChain ? SnapshotState.Unknown : SnapshotState.Detached,
                Uri = domain.Uri,
            }));

        static bool IsOf(LostDisk disk, DiskSnapshot snapshot) =>
            disk.Record.Set!.Group == snapshot.Group && disk.Record.Target == snapshot.Disk && disk.Record.Method == snapshot.Method;
    }

    private IEnumerable<DiskSnapshot> Recorded(VmDomain domain, MethodRequest? request, RunJournal? journal)
    {
        var removing = (journal?.Entries ?? [])
            .Where(entry => journal!.Operation == RunOperation.Removal || entry.IsLost)
            .Select(entry => (entry.Group, entry.Record.Target))
            .ToHashSet();
        var sets = SnapshotCatalog.Read(domain)
            .Select(set => request is null ? set : SetFolder.WithDefinition(request.Host, domain, set, message => listing.Warn([message])))
            .ToList();
        return Damaged(domain).Concat(sets.SelectMany(set => set.Disks, (set, recorded) =>
        {
            var (disk, state) = Verify(domain, request, recorded);
            if (state is null && removing.Contains((set.Group, disk.Record.Target)))
            {
                state = SnapshotState.Removing;
            }

            if (state is { } known)
            {
                return DiskSnapshot.From(domain, set, disk, known);
            }

            var provider = engine.Methods.Find(disk.Record.Method, domain);
            var found = Inspect(provider, request!, disk.Record);
            if (found.State == SnapshotState.Available && FindWriter(provider, request!, disk.Record) is { } writer)
            {
                var written = DiskSnapshot.From(domain, set, disk, SnapshotState.Invalid);
                listing.Warn(written, SharedImage.DescribeWritten(request!, disk.Record, $"{set.Name}", writer));
                return written;
            }

            var snapshot = DiskSnapshot.From(domain, set, disk, found.State);
            if (domain.FindDisk(disk.Record.Target) is null && request!.FindDisk(disk.Record.Target) is not null)
            {
                listing.Warn(
                    snapshot,
                    $"Disk '{disk.Record.Target}' was detached from the running domain '{domain.Name}', and its stored definition still has it: the disk is "
                    + $"back when the domain is started the next time, or when it is attached again. Until then its snapshot '{set.Name}' cannot be merged.");
            }

            return snapshot with { FillPercent = found.UsagePercent };
        }));
    }

    private IEnumerable<DiskSnapshot> Damaged(
        VmDomain domain) => SnapshotCatalog.ReadDamaged(domain).SelectMany(record => record.ToSnapshots(), (record, snapshot) =>
    {
        listing.Warn(snapshot, record.Warning);
        return snapshot;
    });

    /// <summary>A journal that cannot be read must not hide what snapshots there are.</summary>
    private RunJournal? ReadJournal(VmDomain domain, out bool isDamaged)
    {
        isDamaged = false;
        try
        {
            return RunJournal.Read(domain);
        }
        catch (VirtSnapshotException e)
        {
            isDamaged = true;
            listing.Warn(e.Message);
            return null;
        }
    }

    /// <returns>
    /// The verified record, or its state where it could not be verified. A record of another domain names no source: its content may be
    /// anything.
    /// </returns>
    private (SetDisk Disk, SnapshotState? State) Verify(VmDomain domain, MethodRequest? request, SetDisk disk)
    {
        var record = disk.Record;
        try
        {
            return request is not null ? (disk with { Record = RecordProof.Verify(engine.Methods, request, record) }, null)
                : record.Set?.WhyNotOf(domain.Uuid) is null ? (disk, SnapshotState.Unverified)
                : (disk with { Record = record with { Source = DiskSource.None } }, SnapshotState.Foreign);
        }
        catch (VirtSnapshotException e) when (e.ErrorId == "SnapshotForeign")
        {
            return (disk with { Record = record with { Source = DiskSource.None } }, SnapshotState.Foreign);
        }
        catch (VirtSnapshotException e) when (e.ErrorId is not ("HostUnreachable" or "SudoRefused"))
        {
            return (disk, SnapshotState.Unverified);
        }
    }

    /// <summary>A disk of a running domain that writes to the backup source, such as that of a second definition with the same image.</summary>
    private ImageWriter? FindWriter(SnapshotMethod provider, MethodRequest request, SnapshotRecord record) =>
        provider.FindImages(request, record) is { Count: > 0 } images && listing.WritersFor(request).Find(request, images) is { IsRunning: true } writer
            ? writer
            : null;

    private static Inspection Inspect(SnapshotMethod provider, MethodRequest request, SnapshotRecord record)
    {
        try
        {
            return provider.Inspect(request, record);
        }
        catch (VirtSnapshotException) when (request.Host.WhyNoShell is not null)
        {
            // Its method needs more than libvirt.
            return new Inspection(SnapshotState.Unverified);
        }
    }

    private IEnumerable<DiskSnapshot> Unrecorded(VmDomain domain, MethodRequest request, RunJournal? journal, IReadOnlyList<LostDisk> lost)
    {
        if (request.Host.WhyNoShell is not null)
        {
            return [];
        }

        // What a run is making right now, or has left behind, is explained by its journal.
        var journaled = journal?.Entries ?? [];
        var explained = SnapshotCatalog.ReadDisks(domain)
            .Concat(journaled.Select(entry => entry.Record))
            .Concat(journaled.Select(entry => entry.Becomes).OfType<SnapshotRecord>())
            .Concat(lost.Select(disk => disk.Record))
            .ToList();
        var unrecorded = engine.Methods.OverlayMethods.SelectMany(method => method.FindUnrecorded(request, explained, () => listing.UseFor(request)));
        return unrecorded.Select(found => new DiskSnapshot
        {
            Domain = domain.Name,
            DomainUuid = domain.Uuid,
            Disk = found.Target,
            Name = "",
            Group = Guid.Empty,
            Method = found.Method,
            ModifiedDisk = domain.FindDisk(found.Target),
            BackupSource = found.Source,
            State = SnapshotState.Unknown,
            Uri = domain.Uri,
        });
    }
}
