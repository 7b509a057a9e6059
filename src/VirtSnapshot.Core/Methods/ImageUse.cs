using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Methods.Qemu;
using VirtSnapshot.Native;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods;

/// <summary>
/// What uses an image: disks of domains, other images whose backing file it is, processes that have it open. It is read once for many images.
/// </summary>
internal sealed class ImageUse
{
    private readonly IHost host;
    private readonly Guid owner;
    private readonly List<(DomainDisk User, DiskSource Layer)> domainLayers;
    private readonly Lazy<OpenFiles> openFiles;
    private readonly Lazy<IReadOnlyList<string>> poolFolders;
    private readonly Dictionary<string, IReadOnlyList<(string Image, string Backing)>> backingsByFolder;
    private readonly Dictionary<string, FileFacts?> factsByPath;

    private ImageUse(IHost host, Guid owner, LibvirtConnection connection, ImageUse? known = null)
    {
        this.host = host;
        this.owner = owner;
        domainLayers = known?.domainLayers ?? [];
        backingsByFolder = known?.backingsByFolder ?? new(StringComparer.Ordinal);
        factsByPath = known?.factsByPath ?? new(StringComparer.Ordinal);
        poolFolders = new Lazy<IReadOnlyList<string>>(() => ReadPoolFolders(connection));
        openFiles = new Lazy<OpenFiles>(host.ReadOpenFiles);
    }

    /// <param name="request">The domain that owns the images.</param>
    /// <param name="skipped">Receives the names of domains that do not respond. If it is null, they are waited for.</param>
    public static ImageUse Read(MethodRequest request, Action<string>? skipped = null)
    {
        var use = new ImageUse(request.Host, request.Domain.Uuid, request.Native.Connection);
        List<VmDomain> domains = [.. DomainSurvey.ReadAll(request.Native.Connection, ReadDefinitions, skipped).SelectMany(found => found)];
        using var ahead = ImageChain.ReadAhead(request.Host, domains.SelectMany(domain => domain.PlainDisks).Select(disk => disk.Source));
        domains.ForEach(use.AddLayers);
        use.Learn(use.domainLayers.Select(used => used.Layer.Path!));
        return use;
    }

    /// <summary>The same data for the images of another domain.</summary>
    public ImageUse For(MethodRequest request) => new(request.Host, request.Domain.Uuid, request.Native.Connection, this);

    /// <summary>A disk of another domain, or another disk of the owner's, that has an image in its chain; null where none does.</summary>
    public string? FindForeignDisk(string image, string target) =>
        domainLayers.Find(used => !(used.User.Domain == owner && used.User.Target == target) && IsSame(used.Layer.Path!, image)).User?.ToString();

    /// <summary>Why an image must not be changed or deleted: another disk or image uses it. Null if none does.</summary>
    /// <param name="image">The image.</param>
    /// <param name="target">The owner's disk whose chain it belongs to.</param>
    /// <param name="ownLayers">The paths of that chain: it may be their backing image.</param>
    public string? FindForeignUser(string image, string target, IReadOnlyCollection<string> ownLayers)
    {
        if (FindForeignDisk(image, target) is { } other)
        {
            return $"{other} uses it";
        }

        var folders = ownLayers.Append(image).Select(path => Path.GetDirectoryName(path)!).Concat(poolFolders.Value).Distinct(StringComparer.Ordinal);
        var clone = folders
            .SelectMany(BackingsIn)
            .Where(backing => IsSame(backing.Backing, image) && !ownLayers.Any(own => IsSame(own, backing.Image)))
            .Select(backing => backing.Image)
            .FirstOrDefault();
        return clone is null ? null : $"it is the backing image of '{clone}'";
    }

    /// <summary>Whether any domain's definition names the image, the owner's included.</summary>
    public bool IsNamedByAnyDomain(string image) => domainLayers.Exists(used => IsSame(used.Layer.Path!, image));

    /// <summary>A disk of any domain that uses an image, or a file below a directory; null if none does.</summary>
    public string? FindDisk(string image) => domainLayers
        .Find(used => used.Layer.Path!.StartsWith($"{image}/", StringComparison.Ordinal) || IsSame(used.Layer.Path!, image)).User?.ToString();

    /// <summary>The processes that have the image open, without the domain's own QEMU.</summary>
    public IReadOnlyList<FileUser> FindReaders(string image) => openFiles.Value.FindUsers(image, exceptQemuOf: owner);

    /// <summary>The folders of libvirt's pools. A clone may be in another folder than its backing image, and not be used by a domain now.</summary>
    public static IReadOnlyList<string> ReadPoolFolders(LibvirtConnection connection)
    {
        try
        {
            return
            [
                .. connection.PoolXmls()
                    .Select(xml => SafeXml.Parse(xml))
                    .Where(pool => (string?)pool.Attribute("type") is "dir" or "fs" or "netfs")
                    .Select(pool => (string?)pool.Element("target")?.Element("path"))
                    .OfType<string>(),
            ];
        }
        catch (LibvirtException e) when (!e.ConnectionLost)
        {
            // Not every hypervisor has a storage driver.
            return [];
        }
    }

    /// <summary>The live and the stored definition; none for a domain that no longer exists.</summary>
    private static IReadOnlyList<VmDomain> ReadDefinitions(LibvirtDomain native)
    {
        var current = Try(() => DomainReader.Read(native));
        var stored = current is { IsActive: true, IsPersistent: true } ? Try(() => DomainReader.ReadStored(native, current)) : null;
        return [.. new[] { current, stored }.OfType<VmDomain>()];

        static VmDomain? Try(Func<VmDomain> read)
        {
            try
            {
                return read();
            }
            catch (LibvirtException e) when (e.Code == LibvirtErrorCode.NoDomain)
            {
                return null;
            }
        }
    }

    private void AddLayers(VmDomain domain)
    {
        foreach (var disk in domain.PlainDisks)
        {
            IEnumerable<DiskSource> layers = disk.BackingChain.Count > 0
                ? [disk.Source, .. disk.BackingChain]
                : ImageChain.FromImages(host, disk.Source);
            domainLayers.AddRange(layers
                .Where(layer => layer.HasPath)
                .Select(layer => (new DomainDisk(domain.Uuid, domain.Name, disk.Target), layer)));
        }
    }

    private IReadOnlyList<(string Image, string Backing)> BackingsIn(string folder)
    {
        if (!backingsByFolder.TryGetValue(folder, out var backings))
        {
            var images = host.ListFiles(folder);
            using var ahead = host.ReadAhead(images);
            backings =
            [
                .. images
                    .Where(image => !SnapshotLabel.IsOurs(Path.GetFileName(image)) && !IsRaw(image))
                    .Select(image => (Image: image, Header: ImageChain.ReadHeader(host, image)))
                    .Where(found => !LostOverlays.IsKeptAside(found.Image, found.Header, owner))
                    .Select(found => (found.Image, Backing: ImageChain.Resolve(found.Image, found.Header?.BackingFile)))
                    .Where(found => found.Backing is not null)
                    .Select(found => (found.Image, found.Backing!)),
            ];
            Learn(backings.Select(found => found.Backing));
            backingsByFolder[folder] = backings;
        }

        return backings;
    }

    /// <summary>Whether it is raw according to a definition, under any of its names. Its content is guest data then.</summary>
    private bool IsRaw(string image)
    {
        var facts = TryFactsOf(image);
        return domainLayers.Exists(used => used.Layer.Format == "raw"
            && (used.Layer.Path == image || (facts is not null && TryFactsOf(used.Layer.Path!)?.IsSameFileAs(facts) == true)));
    }

    private bool IsSame(string path, string other) => path == other
        || (FactsOf(path) is { } facts
            && FactsOf(other) is { } otherFacts
            && facts.IsSameFileAs(otherFacts));

    private FileFacts? FactsOf(string path) => factsByPath.TryGetValue(path, out var known) ? known : factsByPath[path] = host.Stat(path, followLink: true);

    /// <summary>Null also if they cannot be read.</summary>
    private FileFacts? TryFactsOf(string path)
    {
        try
        {
            return FactsOf(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private void Learn(IEnumerable<string> paths)
    {
        var fresh = paths.Where(path => !factsByPath.ContainsKey(path)).Distinct(StringComparer.Ordinal).ToList();
        using var ahead = host.ReadAhead(fresh);
        foreach (var path in fresh)
        {
            _ = TryFactsOf(path);
        }
    }

    private sealed record DomainDisk(Guid Domain, string Name, string Target)
    {
        public override string ToString() => $"disk '{Target}' of domain '{Name}'";
    }
}
