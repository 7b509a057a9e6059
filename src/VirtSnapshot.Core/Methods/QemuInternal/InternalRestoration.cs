using System.Globalization;
using VirtSnapshot.Hosts;

namespace VirtSnapshot.Methods.QemuInternal;

/// <summary>Reverts an image to one of its internal snapshots (<c>qemu-img snapshot -a</c>). The snapshot is kept.</summary>
/// <remarks>
/// The previous content is kept as another internal snapshot, and further internal snapshots mark the progress: the image itself does not show which
/// snapshot was applied. QEMU's image lock makes the commands fail if the domain is started in between.
/// </remarks>
internal sealed class InternalRestoration(MethodRequest request, RestoreRecord disk) : IDiskRestoration
{
    /// <summary>The guest cannot have started to write sooner than that.</summary>
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(2);

    private readonly InternalSnapshot snapshot = InternalSnapshot.Read(disk.Record);

    public RestoreRecord Disk => disk;

    public string Description => $"'{Image}' is reverted to its internal snapshot '{snapshot.Name}'; its current content is deleted";

    public bool IsFinal => false;

    /// <summary>The disk's image.</summary>
    public string Image => snapshot.Image;

    private IHost Host => request.Host;

    /// <summary>The image's previous content.</summary>
    private InternalSnapshot Before => Named("before");

    /// <summary>Exists before the image is changed.</summary>
    private InternalSnapshot Begun => Named("begun");

    private InternalSnapshot Restored => Named("restored");

    /// <summary>What the guest has written before the restore was undone.</summary>
    private InternalSnapshot Written => Named("written");

    public bool IsSwitched() => Restored.Exists(Host);

    public void Prepare(CancellationToken cancellation) => Make(Before);

    public void Recheck() => LiveSource.Recheck(request, disk.Record.Target, Image, snapshot.Name);

    public void Switch()
    {
        Make(Begun);
        snapshot.Apply(Host);
        Make(Restored);
    }

    public string? Undo() => CleanUp.Try(() =>
    {
        if (Begun.Exists(Host))
        {
            if (WasWrittenLater())
            {
                Make(Written);
            }

            Before.Apply(Host);
            Clear(Restored);
            Clear(Begun);
        }

        Clear(Before);
        return Written.Exists(Host)
            ? $"'{Written}' was kept: the domain has run since the restore, and this snapshot holds what the guest has written. "
                + "Copy it with 'qemu-img convert -l' before you delete it with 'qemu-img snapshot -d'"
            : null;
    });

    public string? Discard() => CleanUp.Try(() =>
    {
        Clear(Before);
        Clear(Begun);
        Clear(Restored);
        return null;
    });

    private InternalSnapshot Named(string what) => snapshot with { Name = $"virtsnapshot-{what}-{disk.Group:N}" };

    private void Make(InternalSnapshot mark)
    {
        if (!mark.Exists(Host))
        {
            mark.Take(Host);
        }
    }

    private void Clear(InternalSnapshot mark)
    {
        if (mark.Exists(Host))
        {
            mark.Delete(Host);
        }
    }

    /// <summary>A device has no modification time: true.</summary>
    private bool WasWrittenLater()
    {
        if (Host.Stat(Image, followLink: true) is not { IsRegularFile: true })
        {
            return true;
        }

        var last = Restored.Exists(Host) ? Restored : Begun;
        var result = Host.RunAsRoot("stat", ["--dereference", "--format=%Y", "--", Image]);
        return !result.Succeeded
            || !long.TryParse(result.Output.AsSpan().Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var written)
            || DateTimeOffset.FromUnixTimeSeconds(written) > last.ReadTime(Host) + Moment;
    }
}
