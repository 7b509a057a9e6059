using System.Globalization;
using VirtSnapshot.Hosts;

namespace VirtSnapshot.Methods.QemuInternal;

/// <summary>An image goes back to one of its internal snapshots (<c>qemu-img snapshot -a</c>), which stays.</summary>
/// <remarks>
/// What the image holds before that is kept as another internal snapshot, and marks of the same kind say how far it came: nothing else tells
/// afterwards what an image's content once was. QEMU's image lock keeps it from a domain that is started meanwhile.
/// </remarks>
internal sealed class InternalRestoration(MethodRequest request, RestoreRecord disk) : IDiskRestoration
{
    /// <summary>What a guest writes comes later than that.</summary>
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(2);

    private readonly InternalSnapshot snapshot = InternalSnapshot.Read(disk.Record);

    public RestoreRecord Disk => disk;

    public string Description => $"'{Image}' goes back to its internal snapshot '{snapshot.Name}'; what it holds now is deleted";

    public bool IsFinal => false;

    /// <summary>The disk's image.</summary>
    public string Image => snapshot.Image;

    private IHost Host => request.Host;

    /// <summary>What the image held before.</summary>
    private InternalSnapshot Before => Named("before");

    /// <summary>Until this is there the image has not changed.</summary>
    private InternalSnapshot Begun => Named("begun");

    private InternalSnapshot Restored => Named("restored");

    /// <summary>What a guest has written, when the restore was undone all the same.</summary>
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

    public string? Undo() => Leftover.Of(() =>
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
            ? $"'{Written}' was left where it is: the domain was started meanwhile, and it holds what the guest has written. "
                + "Copy that with 'qemu-img convert -l' before you delete it with 'qemu-img snapshot -d'"
            : null;
    });

    public string? Discard() => Leftover.Of(() =>
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

    /// <summary>Of a device nobody knows when it was written.</summary>
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
