using System.Text.Json;
using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.QemuInternal;

/// <summary>One internal snapshot of a qcow2 image, planned or made.</summary>
/// <param name="Image">The image's path.</param>
/// <param name="Name">
/// The snapshot's name in the image. A part of it is random and only in our records, which proves that it is ours. QEMU allows duplicate names.
/// </param>
internal sealed record InternalSnapshot(string Image, string Name)
{
    private const string ElementName = "internalSnapshot";
    private const string Format = "qcow2";

    public static InternalSnapshot Read(SnapshotRecord record)
    {
        var element = record.Data.Name == ElementName
            ? record.Data
            : throw new FormatException($"A record of method '{record.Method}' has no <{ElementName}>.");
        string Value(string name) => (string?)element.Attribute(name) ?? throw new FormatException($"<{ElementName}> has no '{name}'.");
        return new InternalSnapshot(Value("image"), Value("name"));
    }

    public SnapshotRecord ToRecord(VmDisk disk) => new(
        disk.Target,
        QemuInternalMethod.MethodName,
        ToSource(disk.Source.Type == DiskSourceType.Block),
        new XElement(ElementName, new XAttribute("image", Image), new XAttribute("name", Name)));

    public DiskSource ToSource(bool isBlockDevice) => DiskSource.ForSnapshotInside(Image, Format, isBlockDevice, Name);

    public override string ToString() => $"{Image}@{Name}";

    /// <summary>Whether it is in the image.</summary>
    /// <exception cref="VirtSnapshotException">
    /// <c>SourceMissing</c>: the image is not accessible; <c>SourceUnreadable</c>; <c>SnapshotNotOurs</c>: there are several, or its name is not one of ours.
    /// </exception>
    public bool Exists(IHost host)
    {
        SnapshotLabel.RequireOurs(Name, this);
        if (host.Stat(Image, followLink: true) is null)
        {
            // Where the folder is missing, or empty as an unused mount point is, a missing image proves nothing.
            return host.ListFiles(Path.GetDirectoryName(Image)!).Count > 0 ? false : throw NotAccessible();
        }

        return ReadAll(host, out _).Count(found => found.Name == Name) switch
        {
            0 => false,
            1 => true,
            _ => throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "SnapshotNotOurs",
                Image,
                $"The image '{Image}' has several internal snapshots named '{Name}', and only one of them is ours. "
                + "List them with 'qemu-img snapshot -l', and copy each with 'qemu-img convert -l' before you delete one by its id."),
        };
    }

    /// <summary>When it was taken, to the second, by the host's clock.</summary>
    /// <exception cref="VirtSnapshotException"><c>SourceUnreadable</c>, also where it does not exist.</exception>
    public DateTimeOffset ReadTime(IHost host) =>
        ReadAll(host, out _).Where(found => found.Name == Name).Select(found => found.TakenAt).FirstOrDefault()
        ?? throw Unreadable($"'{Name}' is missing");

    /// <summary>The image's internal snapshots, also while QEMU has the image open.</summary>
    /// <param name="host">The image's host.</param>
    /// <param name="unsuitable">Why the image cannot have one; null where it can.</param>
    /// <exception cref="VirtSnapshotException"><c>SourceUnreadable</c>.</exception>
    public IReadOnlyList<(string Name, DateTimeOffset? TakenAt)> ReadAll(IHost host, out string? unsuitable)
    {
        if (host.Stat(Image, followLink: true) is not ({ IsRegularFile: true } or { IsBlockDevice: true }))
        {
            // Opening a FIFO would block until a writer opens it.
            throw Unreadable("it is neither a file nor a block device");
        }

        var result = host.RunAsRoot("qemu-img", ["info", "-U", "--output=json", "-f", Format, Image]);
        if (!result.Succeeded)
        {
            throw Unreadable(result.ToolError);
        }

        try
        {
            using var info = JsonText.Parse(result.Output);
            unsuitable = JsonText.Flag(info.RootElement, "encrypted")
                ? "its image is encrypted, and qemu-img does not have the secret"
                : DataFile(info.RootElement) is { Length: > 0 } data
                    ? $"its image has the external data file '{data}', which internal snapshots do not include"
                    : null;
            return
            [
                .. JsonText.Items(info.RootElement, "snapshots").Select(snapshot => (
                    JsonText.Text(snapshot, "name"),
                    JsonText.Number(snapshot, "date-sec") is { } seconds ? DateTimeOffset.FromUnixTimeSeconds(seconds) : (DateTimeOffset?)null)),
            ];
        }
        catch (FormatException e)
        {
            throw Unreadable($"the output of qemu-img is invalid ({e.Message})");
        }
    }

    public void Take(IHost host) => Do(host, "-c", "SnapshotNotTaken", "could not be taken", "");

    /// <summary>Reverts the image to the snapshot.</summary>
    /// <exception cref="VirtSnapshotException">It may be incomplete: it can be repeated, or another snapshot applied.</exception>
    public void Apply(IHost host) => Do(host, "-a", "RestoreFailed", "could not be restored", "");

    /// <exception cref="VirtSnapshotException">It could not be deleted.</exception>
    public void Delete(IHost host) =>
        Do(host, "-d", "SnapshotNotDeleted", "could not be deleted", " Fix the cause, then run Repair-DiskSnapshot.");

    private void Do(IHost host, string what, string errorId, string problem, string advice)
    {
        var result = host.RunAsRoot("qemu-img", ["snapshot", "-q", what, Name, Image]);
        if (!result.Succeeded)
        {
            var (kind, id) = result.ToolError switch
            {
                var stderr when ToolError.IsImageLocked(stderr) => (FailureKind.ResourceBusy, "SourceInUse"),
                var stderr when ToolError.IsNoSpace(stderr) => (FailureKind.QuotaExceeded, "NoSpace"),
                var stderr when ToolError.IsNoPermission(stderr) => (FailureKind.PermissionDenied, "AccessDenied"),
                _ => (FailureKind.InvalidResult, errorId),
            };
            throw new VirtSnapshotException(kind, id, Image, $"The internal snapshot '{Name}' of '{Image}' {problem}: {result.ToolError}.{advice}");
        }
    }

    private static string DataFile(JsonElement info) =>
        info.TryGetProperty("format-specific", out var specific)
        && specific.ValueKind == JsonValueKind.Object
        && specific.TryGetProperty("data", out var data)
            ? JsonText.Text(data, "data-file")
            : "";

    private VirtSnapshotException NotAccessible() => new(
        FailureKind.ObjectNotFound,
        "SourceMissing",
        Image,
        $"It is unknown whether the internal snapshot '{Name}' still exists, because the folder of '{Image}' is missing or empty. "
        + "Mount its file system, then run Repair-DiskSnapshot.");

    private VirtSnapshotException Unreadable(string why) => new(
        FailureKind.InvalidData, "SourceUnreadable", Image, $"The internal snapshots of '{Image}' cannot be read: {why}. Nothing was touched.");
}
