using System.Globalization;
using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Methods;

namespace VirtSnapshot.Snapshots;

/// <summary>
/// The intent of a run on a domain, written before it begins and cleared when the catalog is up to date. If it is
/// still there and the lock is free, the run has died.
/// </summary>
/// <param name="Operation">What the run does.</param>
/// <param name="StartedAt">When it began.</param>
/// <param name="Entries">The disks.</param>
internal sealed record RunJournal(RunOperation Operation, DateTimeOffset StartedAt, IReadOnlyList<JournalEntry> Entries)
{
    /// <summary>A full copy of a large volume may take hours.</summary>
    private static readonly TimeSpan LongestRun = TimeSpan.FromHours(12);

    /// <summary>The machine with the run's lock, where that is not the domain's host: see <see cref="Hosts.LibvirtOnlyHost"/>.</summary>
    public string? LockedOn { get; init; }

    /// <summary>Whether the run was to freeze the guest: then a guest that is frozen after its death was frozen by it.</summary>
    public bool Freezes { get; init; }

    /// <summary>The files that a restore replaces besides the disks.</summary>
    public IReadOnlyList<RestoredState> States { get; init; } = [];

    /// <summary>Whether the domain has a journal of another domain, as a clone has, or one that VirtSnapshot cannot have written.</summary>
    /// <exception cref="VirtSnapshotException"><c>JournalDamaged</c></exception>
    public static bool IsForeign(VmDomain domain) => MetadataRecord.Find(domain.Root, MetadataUri.Journal) is not null && Read(domain) is null;

    /// <summary>The journal, as far as it is this domain's own.</summary>
    /// <exception cref="VirtSnapshotException"><c>JournalDamaged</c></exception>
    public static RunJournal? Read(VmDomain domain)
    {
        if (MetadataRecord.Find(domain.Root, MetadataUri.Journal) is not { } record)
        {
            return null;
        }

        try
        {
            RecordFormat.Require(record);
            var journal = new RunJournal(
                EnumName.Parse<RunOperation>((string?)record.Attribute("operation")),
                DateTimeOffset.Parse((string?)record.Attribute("startedAt") ?? "", CultureInfo.InvariantCulture),
                [
                    .. record.Elements("entry").Select(entry => new JournalEntry(
                        Guid.Parse((string?)entry.Attribute("group") ?? ""),
                        SnapshotName.Parse((string?)entry.Attribute("name") ?? ""),
                        SnapshotRecord.Read(entry.Element("disk") ?? throw new FormatException("An entry without a disk."), SetIdentity.Read(entry)),
                        (string?)entry.Attribute("instance"),
                        (string?)entry.Attribute("recorded") == "yes",
                        (string?)entry.Attribute("shield") == "yes",
                        entry.Element("becomes")?.Element("disk") is { } becomes ? SnapshotRecord.Read(becomes, SetIdentity.Read(entry)) : null,
                        (string?)entry.Attribute("lost") == "yes")),
                ])
            {
                LockedOn = (string?)record.Attribute("lockedOn"),
                Freezes = (string?)record.Attribute("freezes") == "yes",
                States = RestoredState.ReadAll(record),
            };
            journal.RefuseImpossible();
            journal = journal with { Entries = [.. journal.Entries.Where(entry => entry.Record.Set is { } set && set.WhyNotOf(domain.Uuid) is null)] };
            return journal.Entries.Count > 0 ? journal : null;
        }
        catch (Exception e) when (SnapshotRecord.IsDamage(e))
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidData,
                "JournalDamaged",
                domain,
                $"The journal in the metadata of domain '{domain.Name}' cannot be read: {e.Message} "
                + $"Nothing was touched. 'virsh metadata {domain.Name} {MetadataUri.Journal}' shows it.",
                e);
        }
    }

    /// <summary>Rejects what no run writes. A clock may be wrong, but not by more than a day.</summary>
    private void RefuseImpossible()
    {
        var isRestore = Operation is RunOperation.Restore or RunOperation.RestoreEnding;
        if (StartedAt > DateTimeOffset.UtcNow.AddDays(1))
        {
            throw new FormatException($"Its start time {StartedAt:u} is in the future.");
        }

        var groups = Entries.GroupBy(entry => (
            entry.Record.Target,
            isRestore && !entry.IsLost ? "" : entry.Record.Method,
            isRestore && entry.IsLost ? entry.Group : default));
        if (groups.FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            throw new FormatException($"It has disk '{twice.Key.Target}' twice.");
        }

        if (isRestore && Entries.All(entry => entry.IsLost))
        {
            throw new FormatException("It restores no disk.");
        }

        if (Operation != RunOperation.Removal && Entries.Where(entry => !entry.IsLost).DistinctBy(entry => entry.Group).Count() > 1)
        {
            throw new FormatException("It names several sets.");
        }
    }

    /// <summary>Whether a set was recorded before its run died decides what is done with it, so a damaged record of it prevents the repair.</summary>
    /// <returns>The error; null if there is no such record.</returns>
    public VirtSnapshotException? FindDamaged(VmDomain domain, VmDomain? stored) =>
        new[] { domain, stored }.OfType<VmDomain>().SelectMany(SnapshotCatalog.ReadDamaged)
            .FirstOrDefault(record => Entries.Any(entry => record.Group == entry.Group || record.Concerns(entry.Record.Target)))
            ?.ToFailure(domain, isJournaled: true);

    public static void Clear(LibvirtDomain native, VmDomain domain) => MetadataRecord.Delete(native, domain, MetadataUri.Journal);

    /// <summary>The error for other operations: only a repair, or the same removal again, can complete this run.</summary>
    public VirtSnapshotException ToFailure(VmDomain domain) => new(
        FailureKind.ResourceBusy,
        "UnfinishedRun",
        domain,
        $"A run that began at {StartedAt:u} on domain '{domain.Name}' has not ended ({Operation.ToString().ToLowerInvariant()}). Nothing was touched. "
        + $"Finish or undo it with 'Repair-DiskSnapshot {domain.Name}'.");

    /// <summary>The error for a run whose lock is visible only on its own machine, and which may still be running.</summary>
    public void RefuseOthers(VmDomain domain)
    {
        var until = StartedAt + LongestRun;
        if (LockedOn is not null && LockedOn != Environment.MachineName && DateTimeOffset.UtcNow < until)
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceBusy,
                "DomainLocked",
                domain,
                $"The run that began at {StartedAt:u} on domain '{domain.Name}' was started on another machine ('{LockedOn}'), and may still be running "
                + "there. Nothing was touched. "
                + $"Repair it on that machine, or here from {until:u} on.");
        }
    }

    public void Write(LibvirtDomain native, VmDomain domain) =>
        MetadataRecord.Write(native, domain, MetadataUri.Journal, new XElement(
            "journal",
            RecordFormat.Version,
            new XAttribute("operation", Operation.ToString()),
            new XAttribute("startedAt", StartedAt.UtcDateTime.ToString("O", CultureInfo.InvariantCulture)),
            LockedOn is null ? null : new XAttribute("lockedOn", LockedOn),
            Freezes ? new XAttribute("freezes", "yes") : null,
            States.Select(state => state.ToElement()),
            Entries.Select(entry => new XElement(
                "entry",
                entry.Record.Set?.ToAttributes() ?? [new XAttribute("group", entry.Group.ToString("D")), new XAttribute("name", entry.Name.ToString())],
                entry.Instance is null ? null : new XAttribute("instance", entry.Instance),
                entry.WasRecorded ? new XAttribute("recorded", "yes") : null,
                entry.IsTemporaryOverlay ? new XAttribute("shield", "yes") : null,
                entry.IsLost ? new XAttribute("lost", "yes") : null,
                entry.Record.ToElement(),
                entry.Becomes is null ? null : new XElement("becomes", entry.Becomes.ToElement())))));
}

/// <summary>What a journaled run does.</summary>
internal enum RunOperation
{
    /// <summary>Takes a set of snapshots.</summary>
    Snapshot,

    /// <summary>Removes snapshots.</summary>
    Removal,

    /// <summary>Restores disks from a set; it can be undone until the last of them is restored.</summary>
    Restore,

    /// <summary>All disks are restored; the catalog is updated, and the old images are deleted.</summary>
    RestoreEnding,
}
