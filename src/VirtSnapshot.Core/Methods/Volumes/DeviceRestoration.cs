using VirtSnapshot.Hosts;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>Restores a disk that is itself a volume, by the volume manager's own tools.</summary>
internal abstract class DeviceRestoration(MethodRequest request, RestoreRecord disk) : IDiskRestoration
{
    public RestoreRecord Disk => disk;

    public abstract string Description { get; }

    public abstract bool IsFinal { get; }

    /// <summary>The disk's device node.</summary>
    public abstract string Device { get; }

    protected IHost Host => request.Host;

    protected VolumeSnapshot Snapshot { get; } = VolumeSnapshot.Read(disk.Record);

    public abstract bool IsSwitched();

    public virtual bool IsIrreversible() => false;

    public abstract void Prepare(CancellationToken cancellation);

    public void Recheck() => LiveSource.Recheck(request, disk.Record.Target, Device, Snapshot.Name);

    public abstract void Switch();

    public string? Undo() => CleanUp.Try(TakeBack);

    public string? Discard() => CleanUp.Try(TidyUp);

    /// <returns>What could not be undone, and why; null on success.</returns>
    protected abstract string? TakeBack();

    /// <returns>What could not be cleaned up, and why; null on success.</returns>
    protected abstract string? TidyUp();

    /// <returns>The program's stdout.</returns>
    /// <exception cref="VirtSnapshotException"><c>RestoreFailed</c>, <c>NoSpace</c></exception>
    protected string Do(string program, params IReadOnlyList<string> arguments)
    {
        var result = Host.RunAsRoot(program, arguments);
        return result.Succeeded ? result.Output : throw Failed($"'{program}' failed: {result.ToolError}");
    }

    protected VirtSnapshotException Failed(string why)
    {
        var (kind, id) = ToolError.IsNoSpace(why) ? (FailureKind.QuotaExceeded, "NoSpace") : (FailureKind.InvalidResult, "RestoreFailed");
        return new VirtSnapshotException(
            kind,
            id,
            request.Domain.FindDisk(disk.Record.Target),
            $"Disk '{disk.Record.Target}' of domain '{request.Domain.Name}' could not be restored from '{Snapshot.Name}': {why}.");
    }

    protected VirtSnapshotException Refused(FailureKind kind, string errorId, string why) => new(
        kind,
        errorId,
        request.Domain.FindDisk(disk.Record.Target),
        $"Disk '{disk.Record.Target}' of domain '{request.Domain.Name}' cannot be restored from '{Snapshot.Name}': {why}. Nothing was touched.");
}
