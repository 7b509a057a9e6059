using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Methods;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Snapshots;

/// <summary>
/// Proves that a record belongs to a domain before its objects are used: write access to a domain's metadata is enough to forge a record, and clones have
/// copies. Listing, removal, restore and repair all call this.
/// </summary>
internal static class RecordProof
{
    /// <summary>The record with its verified source.</summary>
    /// <exception cref="VirtSnapshotException">
    /// <c>SnapshotForeign</c>: it belongs to another domain or image, or names an object that is not ours. Other ids: the object cannot be read.
    /// </exception>
    public static SnapshotRecord Verify(MethodRegistry methods, MethodRequest request, SnapshotRecord record) => Verify(methods, request, record, record);

    /// <summary>Verifies all records of a journal's entry.</summary>
    /// <exception cref="VirtSnapshotException">As <see cref="Verify(MethodRegistry, MethodRequest, SnapshotRecord)"/>.</exception>
    /// <param name="methods">The methods.</param>
    /// <param name="request">The domain.</param>
    /// <param name="entry">The journal's entry.</param>
    /// <param name="restored">
    /// Of a snapshot that goes because an older one is restored: that one, with which the disk may have left the image that both are of.
    /// </param>
    public static JournalEntry Verify(MethodRegistry methods, MethodRequest request, JournalEntry entry, SnapshotRecord? restored = null) => entry with
    {
        Record = Verify(
            methods,
            request,
            entry.Record,
            entry.IsLost && restored?.Image == entry.Record.Image && restored.Method == entry.Record.Method ? restored : entry.Record),
        Becomes = entry.Becomes switch
        {
            null => null,
            var becomes when !becomes.IsSameAs(entry.Record) =>
                throw becomes.ToForeign(request.Domain, "its record after the restore is of another disk or method"),

            // Its image after the restore is switched to only now.
            var becomes => Verify(methods, request, becomes, entry.Record),
        },
    };

    private static SnapshotRecord Verify(MethodRegistry methods, MethodRequest request, SnapshotRecord record, SnapshotRecord ofImage)
    {
        var domain = request.Domain;
        var why = record.Set is { } set ? set.WhyNotOf(domain.Uuid) : "it does not name the domain that it was taken of";
        if (why is not null)
        {
            throw record.ToForeign(domain, why);
        }

        var provider = methods.Find(record.Method, domain);
        try
        {
            using var ahead = ReadAhead(request, [record]);
            return provider.Verify(request, record, FindImage(request, provider, ofImage));
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
                $"The objects of snapshot '{record.Set!.Name}' of disk '{record.Target}' of domain '{domain.Name}' cannot be read: "
                + $"{e.Message}. Nothing was touched.",
                e);
        }
    }

    /// <summary>Why a record is not the domain's, as the end of a sentence; null where it is, or where this is unknown.</summary>
    public static string? WhyForeign(MethodRegistry methods, MethodRequest request, SnapshotRecord record)
    {
        try
        {
            _ = Verify(methods, request, record);
            return null;
        }
        catch (VirtSnapshotException e)
        {
            return e is { ErrorId: "SnapshotForeign", InnerException: { } inner } ? inner.Message : null;
        }
    }

    /// <summary>Those records of a domain that are certainly its own.</summary>
    public static IReadOnlyList<SnapshotRecord> Own(MethodRegistry methods, MethodRequest request, IEnumerable<SnapshotRecord> records)
    {
        var own = new List<SnapshotRecord>();
        var all = records.ToList();
        var cached = request with { Host = new CachingHost(request.Host) };
        using var ahead = ReadAhead(cached, all);
        foreach (var record in all)
        {
            try
            {
                own.Add(Verify(methods, cached, record));
            }
            catch (VirtSnapshotException)
            {
                // An operation on that snapshot reports the error.
            }
        }

        return own;
    }

    /// <summary>The layer of the disk that the snapshot is of; null where the disk is gone.</summary>
    private static DiskSource? FindImage(MethodRequest request, SnapshotMethod provider, SnapshotRecord record)
    {
        if (provider.ImagesOf(record)?.ToList() is not { } images || request.FindDisk(record.Target) is not { } disk)
        {
            return null;
        }

        var chain = request.ChainOf(disk);
        return chain.FirstOrDefault(layer => images.Any(image => image.Length > 0
            && (layer.ToString() == image || (layer.Path is { } path && request.IsSameFile(path, image)))))

            // A volume of an inactive pool has no path to compare.
            ?? (chain.Any(layer => layer is { Type: DiskSourceType.Volume, Path: null })
                ? null
                : throw record.ToForeign(request.Domain, $"it is of the image '{record.Image}', and the disk uses "
                    + $"{string.Join(" -> ", chain.Select(layer => $"'{layer}'"))}"));
    }

    /// <summary>Reads ahead all objects that records name, and their disks' images: one round trip to the host for each generation of images.</summary>
    public static IDisposable? ReadAhead(
        MethodRequest request, IReadOnlyList<SnapshotRecord> records) => request.Host.WhyNoShell is not null || records.Count == 0
        ? null
        : ImageChain.ReadAhead(
            request.Host,
            records.Select(record => record.Target).Distinct().Select(request.Domain.FindDisk).OfType<VmDisk>().Select(disk => disk.Source),
            records.SelectMany(Paths).Distinct(StringComparer.Ordinal));

    private static IEnumerable<string> Paths(SnapshotRecord record) => record.Data.DescendantsAndSelf()
        .SelectMany(element => element.Attributes(), (_, attribute) => attribute.Value)
        .Append(record.Image)
        .Append(record.Source.Path ?? "")
        .Where(value => value.StartsWith('/'))
        .Distinct(StringComparer.Ordinal);
}
