using System.Text;
using System.Xml;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Methods;
using VirtSnapshot.Native;

namespace VirtSnapshot.Snapshots;

/// <summary>
/// The folder of a set on the host, for copies of the UEFI variables, the TPM state and the domain's definition; only root can enter it.
/// Its name is derived from the set's identity, so no record can name another folder. The snapshot is valid without it: errors here do not make a run
/// fail.
/// </summary>
internal sealed class SetFolder(IHost host, SetIdentity set)
{
    /// <summary>Where all of them are.</summary>
    public const string Root = "/var/lib/virtsnapshot";

    /// <summary>Beyond any firmware: those of AArch64 are of 64 MiB.</summary>
    public const int MostBytes = 64 << 20;

    // Arguments: all folders, the outermost first. Only root can create links in the outer ones.
    private const string MakeScript = """
        umask 077
        for folder; do :; done
        mkdir -p -- "$folder" || exit
        stat -c '%F %a %u' -- "$@"
        """;

    // Arguments: the folders, and the files in the last one.
    private const string DeleteScript = """
        [ -e "$3" ] || { rmdir -- "$2" 2>/dev/null; exit 0; }
        facts=$(stat -c '%F %a %u' -- "$1" "$2" "$3")
        [ "$(echo $facts)" = 'directory 700 0 directory 700 0 directory 700 0' ] || {
            echo "$1 and the folders in it are not folders of root alone" >&2
            exit 1
        }
        domain=$2 own=$3
        shift 3
        rm -f -- "$@" && rmdir -- "$own" || exit
        rmdir -- "$domain" 2>/dev/null || :
        """;

    /// <summary>The definition that <see cref="Fill"/> has kept.</summary>
    public string? Definition { get; private set; }

    private string[] Folders => [Root, $"{Root}/{set.Domain:D}", Own];

    private string Own => FolderOf(set);

    /// <summary>The folder of a set that is certainly a domain's; null where it is not.</summary>
    public static SetFolder? Of(IHost host, VmDomain domain, SnapshotSet set) =>
        set.Identity is { } identity && identity.WhyNotOf(domain.Uuid) is null ? new SetFolder(host, identity) : null;

    /// <summary>A set with the definition that is kept with it.</summary>
    /// <param name="host">The host.</param>
    /// <param name="domain">The domain.</param>
    /// <param name="set">The set, as it is recorded.</param>
    /// <param name="warn">Reports that a copy has changed.</param>
    public static SnapshotSet WithDefinition(IHost host, VmDomain domain, SnapshotSet set, Action<string> warn) =>
        set.Kept.FirstOrDefault(copy => copy.Part is null) is { } copy && Of(host, domain, set) is { } folder
            ? set with { Definition = folder.TryReadDefinition(copy, $"snapshot '{set.Name}' of domain '{domain.Name}'", warn) }
            : set;

    /// <summary>Where a set that is certainly a domain's has its copy of something; null where it has none.</summary>
    public static string? FindCopy(VmDomain domain, SnapshotSet set, GuestStatePart? part) =>
        set.Identity is { } identity && identity.WhyNotOf(domain.Uuid) is null && set.Kept.Any(copy => copy.Part == part)
            ? PathIn(FolderOf(identity), part)
            : null;

    public string PathOf(GuestStatePart? part) => PathIn(Own, part);

    /// <summary>Copies what the domain has now. The definition comes last: where it is there, nothing else is missing that could be copied.</summary>
    /// <param name="session">The domain.</param>
    /// <param name="reporter">Receives warnings about what is not kept.</param>
    public IReadOnlyList<KeptCopy> Fill(DomainSession session, IRunReporter reporter)
    {
        var states = GuestState.Of(session.Domain);
        if (WhyUnusable() is { } why)
        {
            reporter.Verbose($"Beside its disks, nothing of domain '{session.Domain.Name}' is kept with the snapshot: {why}.");
            return [];
        }

        var isMade = false;
        var kept = new List<KeptCopy>();
        foreach (var state in states)
        {
            Try(() => Keep(state.Part, ReadState(state.Part, state.Path ?? throw new IOException(state.WhyNoFile))), state.Name, reporter.Warning);
        }

        Try(
            () =>
            {
                var definition = ReadDefinition(session);
                Keep(null, Encoding.UTF8.GetBytes(definition));
                Definition = definition;
            },
            "definition",
            reporter.Verbose);
        return kept;

        void Try(Action keep, string what, Action<string> report)
        {
            try
            {
                keep();
            }
            catch (Exception e) when (e is LibvirtException or XmlException || IsHostFailure(e))
            {
                // Before the domain's first start there is no file: nothing is lost.
                (e is FileNotFoundException ? reporter.Verbose : report)(
                    $"The {what} of domain '{session.Domain.Name}' could not be kept with the snapshot: {e.Message.TrimEnd('.')}.");
            }
        }

        void Keep(GuestStatePart? part, byte[] content)
        {
            if (!isMade)
            {
                Make();
                isMade = true;
            }

            host.CreateFile(PathOf(part), content, accessOf: null);
            kept.Add(KeptCopy.Of(part, content));
        }
    }

    /// <summary>What a run that died had copied.</summary>
    public IReadOnlyList<KeptCopy> Adopt()
    {
        try
        {
            // A crash while copying leaves no definition, or a part of one.
            if (WhyUnusable() is not null || TryRead(null) is not { } definition)
            {
                return [];
            }

            _ = SafeXml.Parse(Encoding.UTF8.GetString(definition));
            return
            [
                .. Enum.GetValues<GuestStatePart>().Select(part => TryRead(part) is { } content ? KeptCopy.Of(part, content) : null).OfType<KeptCopy>(),
                KeptCopy.Of(null, definition),
            ];
        }
        catch (Exception e) when (e is XmlException || IsHostFailure(e))
        {
            return [];
        }
    }

    /// <summary>The whole content of a file of the host that holds state of a guest.</summary>
    /// <exception cref="IOException">There is none, or it is something else.</exception>
    /// <exception cref="UnauthorizedAccessException">It cannot be read.</exception>
    public byte[] ReadState(GuestStatePart part, string path)
    {
        var file = host.Stat(path, followLink: true) ?? throw new FileNotFoundException($"there is no file '{path}'");
        if (!file.IsRegularFile)
        {
            throw new IOException($"'{path}' is not a regular file");
        }

        if (file.Size > MostBytes)
        {
            throw new IOException($"'{path}' is larger than {MostBytes >> 20} MiB");
        }

        var content = host.ReadHead(path, (int)file.Size);
        return content.Length == (int)file.Size && GuestState.IsContent(part, content)
            ? content
            : throw new IOException($"'{path}' does not hold {GuestState.NameOf(part)}");
    }

    /// <summary>The copy of a guest's state.</summary>
    /// <exception cref="IOException">There is none.</exception>
    /// <exception cref="UnauthorizedAccessException">It cannot be read.</exception>
    public byte[] Read(GuestStatePart part) => ReadState(part, PathOf(part));

    /// <summary>Deletes the folder with what we put into it.</summary>
    /// <returns>What could not be cleaned up, and why; null on success.</returns>
    public string? Delete()
    {
        try
        {
            if (WhyUnusable() is not null)
            {
                return null;
            }

            IEnumerable<GuestStatePart?> parts = [null, .. Enum.GetValues<GuestStatePart>()];
            var result = host.RunAsRoot("sh", ["-c", DeleteScript, "sh", .. Folders, .. parts.Select(PathOf)]);
            return result.Succeeded ? null : $"the folder '{Own}' could not be deleted: {result.ToolError}";
        }
        catch (Exception e) when (IsHostFailure(e))
        {
            return $"whether there is a folder '{Own}' could not be determined: {e.Message.TrimEnd('.')}";
        }
    }

    private string? TryReadDefinition(KeptCopy copy, string snapshot, Action<string> warn)
    {
        try
        {
            if (WhyUnusable() is not null)
            {
                return null;
            }

            if (TryRead(null) is { } content && copy.Fits(content))
            {
                return Encoding.UTF8.GetString(content);
            }

            warn($"'{PathOf(null)}' is missing or is not the definition that was kept with {snapshot}.");
            return null;
        }
        catch (Exception e) when (IsHostFailure(e))
        {
            // Without permission to read it, it is not reported.
            return null;
        }
    }

    private static string FolderOf(SetIdentity set) => $"{Root}/{set.Domain:D}/{set.Group:D}";

    private static string PathIn(string folder, GuestStatePart? part) => Path.Combine(folder, part switch
    {
        GuestStatePart.Nvram => "nvram.fd",
        GuestStatePart.Tpm => "tpm.permall",
        _ => "domain.xml",
    });

    /// <summary>Why there is no such folder, as the end of a sentence.</summary>
    private string? WhyUnusable() => host.WhyNoShell
        ?? (LibvirtUri.TryParse(host.HypervisorUri) is { IsSession: true } ? "it belongs to a user's own hypervisor, and the copies are root's" : null);

    private void Make()
    {
        var result = host.RunAsRoot("sh", ["-c", MakeScript, "sh", .. Folders]);
        if (!result.Succeeded)
        {
            throw new IOException(result.ToolError);
        }

        if (result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Any(facts => facts != "directory 700 0"))
        {
            throw new IOException($"{Root} and the folders in it are not folders of root alone");
        }
    }

    private byte[]? TryRead(GuestStatePart? part) => host.Stat(PathOf(part)) switch
    {
        { IsRegularFile: true, Size: <= MostBytes } file => host.ReadHead(PathOf(part), (int)file.Size),
        _ => null,
    };

    /// <summary>As it is defined, for it has to be defined again one day; without our records of its snapshots, which may be gone by then.</summary>
    private static string ReadDefinition(DomainSession session)
    {
        var definition = SafeXml.Parse(session.Domain.IsPersistent ? session.Native.StoredXml() : session.Domain.Xml);
        MetadataRecord.RemoveAll(definition, uri => uri == MetadataUri.Journal || uri.StartsWith(MetadataUri.SetPrefix, StringComparison.Ordinal));
        return $"{definition}\n";
    }

    private static bool IsHostFailure(Exception e) => e is IOException or UnauthorizedAccessException or VirtSnapshotException;
}
