using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Snapshots;

/// <summary>
/// Proves that a record belongs to a domain before anything is done with what it names: write access to a domain's metadata is enough to write anything into
/// it, and clones carry copies. Every way in (listing, removal, restore, repair) passes here.
/// </summary>
internal static class RecordProof
{
    /// <summary>The record, its source built from what is there.</summary>
    /// <exception cref="VirtSnapshotException">
    /// <c>SnapshotForeign</c>: it is another domain's, of another image, or names what is not ours. Or what it names cannot be looked at.
    /// </exception>
    public static RecordedDisk Verify(RecordOrder order, RecordedDisk record) => Verify(order, record, record);

    /// <summary>What a journal says of a disk, proven as a whole.</summary>
    /// <exception cref="VirtSnapshotException">As <see cref="Verify(RecordOrder, RecordedDisk)"/>.</exception>
    /// <param name="order">The domain.</param>
    /// <param name="entry">What the journal says.</param>
    /// <param name="restored">
    /// Of a snapshot that goes because an older one is restored: that one, with which the disk may have left the image that both are of.
    /// </param>
    public static JournalEntry Verify(RecordOrder order, JournalEntry entry, RecordedDisk? restored = null) => entry with
    {
        Record = Verify(order, entry.Record, entry.IsLost && restored?.Image == entry.Record.Image && restored.Method == entry.Record.Method ? restored : entry.Record),
        Becomes = entry.Becomes switch
        {
            null => null,
            var becomes when !becomes.IsSameAs(entry.Record) => throw becomes.ToForeign(order.Domain, "it is to become the snapshot of another disk or method"),

            // The image that it will be of takes its place only now.
            var becomes => Verify(order, becomes, entry.Record),
        },
    };

    private static RecordedDisk Verify(RecordOrder order, RecordedDisk record, RecordedDisk ofImage)
    {
        var domain = order.Domain;
        var why = record.Set is { } set ? set.WhyNotOf(domain.Uuid) : "it does not say which domain it was taken of";
        if (why is not null)
        {
            throw record.ToForeign(domain, why);
        }

        var provider = MethodCatalog.Selector.Find(record.Method, domain);
        try
        {
            using var ahead = ReadAhead(order, [record]);
            return provider.Verify(order, record, FindImage(order, provider, ofImage));
        }
        catch (Exception e) when (e is FormatException or ArgumentException or VirtSnapshotException { ErrorId: "CatalogDamaged" or "SnapshotNotOurs" })
        {
            throw record.ToForeign(domain, e.Message.TrimEnd('.'));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new VirtSnapshotException(
                FailureKind.PermissionDenied,
                "AccessDenied",
                domain,
                $"What snapshot '{record.Set!.Name}' of disk '{record.Target}' of domain '{domain.Name}' consists of cannot be looked at: "
                + $"{e.Message}. Nothing was touched.",
                e);
        }
    }

    /// <summary>Why a record is not the domain's, as the end of a sentence; null where it is, or that cannot be told now.</summary>
    public static string? WhyForeign(RecordOrder order, RecordedDisk record)
    {
        try
        {
            _ = Verify(order, record);
            return null;
        }
        catch (VirtSnapshotException e)
        {
            return e is { ErrorId: "SnapshotForeign", InnerException: { } inner } ? inner.Message : null;
        }
    }

    /// <summary>Those records of a domain that are certainly its own.</summary>
    public static IReadOnlyList<RecordedDisk> Own(RecordOrder order, IEnumerable<RecordedDisk> records)
    {
        var own = new List<RecordedDisk>();
        var all = records.ToList();
        using var ahead = ReadAhead(order, all);
        foreach (var record in all)
        {
            try
            {
                own.Add(Verify(order, record));
            }
            catch (VirtSnapshotException)
            {
                // Who is asked about that one will hear why.
            }
        }

        return own;
    }

    /// <summary>The layer of the disk that the snapshot is of; null where the disk is gone.</summary>
    private static DiskSource? FindImage(RecordOrder order, ISnapshotProvider provider, RecordedDisk record)
    {
        if (provider.ImagesOf(record)?.ToList() is not { } images || order.FindDisk(record.Target) is not { } disk)
        {
            return null;
        }

        var chain = order.ChainOf(disk);
        return chain.FirstOrDefault(layer => images.Any(image => image.Length > 0 && (layer.ToString() == image || (layer.Path is { } path && order.IsSameFile(path, image)))))

            // A volume of a pool that does not run has no path to compare.
            ?? (chain.Any(layer => layer is { Type: DiskSourceType.Volume, Path: null })
                ? null
                : throw record.ToForeign(order.Domain, $"it is of the image '{record.Image}', and the disk uses "
                    + $"{string.Join(" -> ", chain.Select(layer => $"'{layer}'"))}"));
    }

    /// <summary>Looks at all that records name, and at the images of their disks, so that another host is asked once for each generation of images.</summary>
    public static IDisposable? ReadAhead(RecordOrder order, IReadOnlyList<RecordedDisk> records) => order.Host.WhyNoShell is not null || records.Count == 0
        ? null
        : ImageChain.ReadAhead(
            order.Host,
            records.Select(record => record.Target).Distinct().Select(order.Domain.FindDisk).OfType<VmDisk>().Select(disk => disk.Source),
            records.SelectMany(Paths).Distinct(StringComparer.Ordinal));

    private static IEnumerable<string> Paths(RecordedDisk record) => record.Data.DescendantsAndSelf()
        .SelectMany(element => element.Attributes(), (_, attribute) => attribute.Value)
        .Append(record.Image)
        .Append(record.Source.Path ?? "")
        .Where(value => value.StartsWith('/'))
        .Distinct(StringComparer.Ordinal);
}
