using System.Runtime.CompilerServices;
using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Methods;

namespace VirtSnapshot.Snapshots;

/// <summary>The recorded sets in a domain's metadata, which every administrator's machine can read.</summary>
internal static class SnapshotCatalog
{
    /// <summary>A domain object never changes, so its records are parsed once.</summary>
    private static readonly ConditionalWeakTable<VmDomain, Content> Known = [];

    /// <summary>The sets whose records can be read, the oldest first.</summary>
    public static IReadOnlyList<SnapshotSet> Read(VmDomain domain) => ReadAll(domain).Sets;

    /// <summary>The records that cannot be read.</summary>
    public static IReadOnlyList<DamagedRecord> ReadDamaged(VmDomain domain) => ReadAll(domain).Damaged;

    /// <summary>
    /// What a damaged record names is not known, so nothing that may be its disk's is merged, overwritten or deleted while it is there.
    /// </summary>
    /// <exception cref="VirtSnapshotException"><c>CatalogDamaged</c></exception>
    public static void RefuseDamaged(VmDomain domain, string target, object about)
    {
        if (ReadDamaged(domain).FirstOrDefault(record => record.Concerns(target)) is { } damaged)
        {
            throw damaged.ToFailure(about);
        }
    }

    public static IReadOnlyList<SnapshotRecord> ReadDisks(VmDomain domain) =>
        [.. Read(domain).SelectMany(set => set.Disks).Select(disk => disk.Record)];

    /// <summary>Takes records of a set out, and touches nothing else.</summary>
    public static void Forget(LibvirtDomain native, VmDomain domain, SnapshotSet set, Predicate<SnapshotRecord> isForgotten) =>
        Replace(native, domain, set, [.. set.Disks.Where(disk => !isForgotten(disk.Record))]);

    public static void Write(LibvirtDomain native, VmDomain domain, SnapshotSet set) =>
        MetadataRecord.Write(native, domain, set.Uri, set.ToElement());

    /// <summary>Takes removed disks out, and lets the others' sources follow where the removal has moved them.</summary>
    public static void Rewrite(LibvirtDomain native, VmDomain domain, IReadOnlyList<(Guid Group, RemovalOutcome Disk)> removed)
    {
        foreach (var set in Read(domain))
        {
            var disks = set.Disks
                .Where(disk => !removed.Any(gone => gone.Group == set.Group && gone.Disk.Record.IsSameAs(disk.Record)))
                .Select(disk => removed.Aggregate(disk, (current, moved) => Follow(current, moved.Disk)))
                .ToList();
            Replace(native, domain, set, disks);
        }
    }

    /// <summary>Lets the restored snapshots be what they have become, and takes out those that went with what was written since.</summary>
    public static void Restore(LibvirtDomain native, VmDomain domain, IReadOnlyList<JournalEntry> entries)
    {
        foreach (var set in Read(domain))
        {
            Replace(native, domain, set, [.. set.Disks.Select(disk => Restored(set, disk)).OfType<SetDisk>()]);
        }

        SetDisk? Restored(SnapshotSet set, SetDisk disk) =>
            entries.FirstOrDefault(entry => entry.Group == set.Group && entry.Record.Target == disk.Record.Target) switch
            {
                null => Follow(disk),
                { IsLost: false, Becomes: { } becomes } => disk with { Record = becomes },
                _ => null,
            };

        // Where a restore changes a disk's image, the records of its other snapshots are changed as well.
        SetDisk Follow(SetDisk disk) =>
            entries.FirstOrDefault(entry => entry is { IsLost: false, Becomes: not null }
                && entry.Record.Target == disk.Record.Target
                && entry.Record.Image == disk.Record.Image) is { Becomes: { } becomes }
                ? disk with { Record = disk.Record with { Image = becomes.Image } }
                : disk;
    }

    /// <summary>What a merge has moved: the source of the next snapshot, and the image that others are of.</summary>
    private static SetDisk Follow(SetDisk disk, RemovalOutcome moved)
    {
        if (moved is not { OldSource: { } old, NewSource: { } now } || moved.Record.Target != disk.Record.Target)
        {
            return disk;
        }

        var record = disk.Record;
        return disk with
        {
            Record = record with
            {
                Source = record.Source.IsSameAs(old) ? now : record.Source,
                Image = record.Image == old.ToString() ? now.ToString() : record.Image,
            },
        };
    }

    private static void Replace(LibvirtDomain native, VmDomain domain, SnapshotSet set, List<SetDisk> disks)
    {
        if (disks.Count == 0)
        {
            MetadataRecord.Delete(native, domain, set.Uri);
        }
        else if (!disks.SequenceEqual(set.Disks))
        {
            Write(native, domain, set with { Disks = disks });
        }
    }

    private static Content ReadAll(VmDomain domain) => Known.GetValue(domain, static domain =>
    {
        var all = MetadataRecord.FindAll(domain.Root, MetadataUri.SetPrefix).Select(found => Read(domain, found.Uri, found.Record)).ToList();
        return new Content(
            [.. all.Select(found => found.Set).OfType<SnapshotSet>().OrderBy(set => set.CreatedAt)],
            [.. all.Select(found => found.Damaged).OfType<DamagedRecord>()]);
    });

    private static (SnapshotSet? Set, DamagedRecord? Damaged) Read(VmDomain domain, string uri, XElement record)
    {
        try
        {
            return (SnapshotSet.Read(uri, record), null);
        }
        catch (Exception e) when (SnapshotRecord.IsDamage(e))
        {
            return (null, DamagedRecord.Of(domain, uri, record, e));
        }
    }

    private sealed record Content(IReadOnlyList<SnapshotSet> Sets, IReadOnlyList<DamagedRecord> Damaged);
}
