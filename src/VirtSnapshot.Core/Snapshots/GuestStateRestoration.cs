using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Methods;

namespace VirtSnapshot.Snapshots;

/// <summary>A file that a restore replaces besides the disks; the journal names it.</summary>
/// <param name="Part">Whose state it holds.</param>
/// <param name="Path">The file.</param>
internal sealed record RestoredState(GuestStatePart Part, string Path)
{
    private const string ElementName = "state";

    /// <exception cref="FormatException">It is damaged.</exception>
    public static IReadOnlyList<RestoredState> ReadAll(XElement journal) =>
    [
        .. journal.Elements(ElementName).Select(element => new RestoredState(
            EnumName.Parse<GuestStatePart>((string?)element.Attribute("part")), (string?)element.Attribute("path") ?? "")),
    ];

    public XElement ToElement() => new(ElementName, new XAttribute("part", Part.ToString()), new XAttribute("path", Path));
}

/// <summary>
/// Replaces UEFI variables and TPM state by the copies of a set. A new copy is made beside the file, the file gets a hard link, and then the copy is
/// renamed over the file, so that it exists at every moment. Done before the first disk is switched; it can be undone until the restore ends.
/// </summary>
/// <remarks>The file keeps its owner and group permissions; libvirt labels it when it starts the domain.</remarks>
internal sealed class GuestStateRestoration(DomainSession session, SetIdentity set, IReadOnlyList<RestoredState> states)
{
    /// <summary>The replaced files.</summary>
    public IReadOnlyList<RestoredState> States => states;

    private IHost Host => session.Host;

    private SetFolder Folder => new(Host, set);

    /// <summary>Plans the replacement. Changes nothing.</summary>
    /// <param name="session">The domain.</param>
    /// <param name="set">The set.</param>
    /// <param name="include">Whether it is wanted.</param>
    /// <param name="reporter">Receives warnings about what is not restored.</param>
    /// <exception cref="VirtSnapshotException">
    /// <c>FirmwareNotKept</c>: there is no copy. <c>FirmwareInvalid</c>: a copy has changed, or the file to replace is not of that kind.
    /// </exception>
    public static GuestStateRestoration Plan(DomainSession session, SnapshotSet set, bool include, IRunReporter reporter)
    {
        var domain = session.Domain;
        var present = GuestState.Of(domain);
        var kept = present.Where(state => state.Path is not null && SetFolder.FindCopy(domain, set, state.Part) is not null).ToList();
        if (!include)
        {
            foreach (var state in present)
            {
                reporter.Warning($"Restoring the disks of domain '{domain.Name}' does not restore its {state.Name}: "
                    + (kept.Contains(state) ? "use -IncludeFirmware for that." : "the snapshot has no copy."));
            }

            kept = [];
        }
        else if (present.Count > 0 && kept.Count == 0)
        {
            throw new VirtSnapshotException(
                FailureKind.ObjectNotFound,
                "FirmwareNotKept",
                domain,
                $"Snapshot '{set.Name}' of domain '{domain.Name}' has no copy of the {string.Join(" and the ", present.Select(state => state.Name))}. "
                + "Nothing was touched. Leave out -IncludeFirmware to restore the disks alone.");
        }

        foreach (var state in present.Where(state => include && !kept.Contains(state)))
        {
            reporter.Warning($"The restore does not include the {state.Name} of domain '{domain.Name}': the snapshot has no copy"
                + $"{(state.WhyNoFile is { } why ? $" ({why})" : "")}.");
        }

        var restoration = new GuestStateRestoration(session, set.Identity!, [.. kept.Select(state => new RestoredState(state.Part, state.Path!))]);
        foreach (var state in restoration.States)
        {
            restoration.Check(state, set.Kept.First(copy => copy.Part == state.Part));
        }

        return restoration;
    }

    /// <summary>
    /// Why a journal's states are not those of the domain, as the end of a sentence; null where they are. A journal may be forged, or the domain may have
    /// changed since.
    /// </summary>
    public static string? WhyNotOf(VmDomain domain, IReadOnlyList<RestoredState> states) =>
        states.FirstOrDefault(state => !GuestState.Of(domain).Any(own => own.Part == state.Part && own.Path == state.Path)) is { } other
            ? $"when the restore began, '{other.Path}' was the domain's {GuestState.NameOf(other.Part)}, but it is not any more"
            : null;

    /// <summary>Replaces the files. Can be repeated.</summary>
    /// <exception cref="VirtSnapshotException">It failed.</exception>
    public void Switch()
    {
        foreach (var state in states)
        {
            var (fresh, old) = (Fresh(state), Old(state));
            Guarded(state, () =>
            {
                var now = Host.Stat(state.Path) ?? throw new IOException($"'{state.Path}' is gone");
                if (Host.Stat(old) is { } kept && !now.IsSameFileAs(kept))
                {
                    return;
                }

                // A run that died may have left a partial file.
                Host.Delete(fresh);
                Host.CreateFile(fresh, Folder.Read(state.Part), now);
                session.Engine.Reached(RunStep.StateCopied);
                if (Host.Stat(old) is null)
                {
                    Do("ln", ["--no-target-directory", "--", state.Path, old]);
                }

                Do("mv", ["--force", "--no-target-directory", "--", fresh, state.Path]);
                Host.SyncDirectory(Path.GetDirectoryName(state.Path)!);
                session.Engine.Reached(RunStep.StateSwitched);
            });
        }
    }

    /// <summary>Undoes the replacement. Can be repeated.</summary>
    /// <returns>What could not be cleaned up, and why.</returns>
    public IEnumerable<string> Undo() => TryEach(state =>
    {
        var (fresh, old, written) = (Fresh(state), Old(state), $"{Fresh(state)}-written");
        if (Host.Stat(old) is { } kept)
        {
            var now = Host.Stat(state.Path);
            if (now is not null && !now.IsSameFileAs(kept))
            {
                if (session.Domain.IsActive)
                {
                    return $"domain '{session.Domain.Name}' runs with '{state.Path}': shut it off first";
                }

                if (!IsAsRestored(state) && Host.Stat(written) is null)
                {
                    // If the guest has run since, it may have written to it.
                    Do("ln", ["--no-target-directory", "--", state.Path, written]);
                }
            }

            // mv does nothing where both names are hard links to one file.
            if (now?.IsSameFileAs(kept) == true)
            {
                Host.Delete(old);
            }
            else
            {
                Do("mv", ["--force", "--no-target-directory", "--", old, state.Path]);
            }
        }

        Host.Delete(fresh);
        Host.SyncDirectory(Path.GetDirectoryName(state.Path)!);
        return Host.Stat(written) is null
            ? null
            : $"'{written}' was kept: the domain has run since the restore, and this file holds what the guest has written. Move it to another folder to "
                + "keep that";
    });

    /// <summary>Deletes the previous state.</summary>
    /// <returns>What could not be cleaned up, and why.</returns>
    public IEnumerable<string> Discard() => TryEach(state =>
    {
        if (Host.Stat(Old(state)) is { } kept)
        {
            if (Host.Stat(state.Path) is not { } now || now.IsSameFileAs(kept))
            {
                return $"'{Old(state)}' was kept: '{state.Path}' is not the restored file";
            }

            Host.Delete(Old(state));
        }

        Host.Delete(Fresh(state));
        return null;
    });

    private string Fresh(RestoredState state) => $"{state.Path}.virtsnapshot-restore-{set.Group:N}.new";

    private string Old(RestoredState state) => $"{state.Path}.virtsnapshot-restore-{set.Group:N}.old";

    private void Check(RestoredState state, KeptCopy copy) => Guarded(state, () =>
    {
        if (!copy.Fits(Folder.Read(state.Part)))
        {
            throw new IOException($"'{Folder.PathOf(state.Part)}' has changed since the snapshot");
        }

        if (Host.Stat(state.Path) is not { IsRegularFile: true })
        {
            throw new IOException($"'{state.Path}' is not a file: start the domain once, and libvirt creates it");
        }

        _ = Folder.ReadState(state.Part, state.Path);
    });

    private bool IsAsRestored(RestoredState state)
    {
        try
        {
            return Folder.ReadState(state.Part, state.Path).AsSpan().SequenceEqual(Folder.Read(state.Part));
        }
        catch (IOException)
        {
            return false;
        }
    }

    private void Guarded(RestoredState state, Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidData,
                "FirmwareInvalid",
                session.Domain,
                $"The {GuestState.NameOf(state.Part)} of domain '{session.Domain.Name}' cannot be restored: {e.Message.TrimEnd('.')}.",
                e);
        }
    }

    private List<string> TryEach(Func<RestoredState, string?> action) => [.. states.Select(state => CleanUp.Try(() =>
    {
        string? remaining = null;
        Guarded(state, () => remaining = action(state));
        return remaining;
    })).OfType<string>()];

    private void Do(string program, IReadOnlyList<string> arguments)
    {
        var result = Host.RunAsRoot(program, arguments);
        if (!result.Succeeded)
        {
            throw new IOException(result.ToolError);
        }
    }
}
