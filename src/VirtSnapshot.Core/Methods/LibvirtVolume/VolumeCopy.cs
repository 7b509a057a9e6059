using System.Globalization;
using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;

namespace VirtSnapshot.Methods.LibvirtVolume;

/// <summary>A snapshot or copy of a disk's volume in the same pool, planned or made.</summary>
/// <param name="Pool">The pool.</param>
/// <param name="Name">Its name in the pool. A part of it is random and only in our records, which proves that it is ours.</param>
/// <param name="Path">Its path on the host.</param>
/// <param name="Format">Its format.</param>
/// <param name="Origin">The name of the disk's volume.</param>
internal sealed record VolumeCopy(string Pool, string Name, string Path, string Format, string Origin)
{
    private const string ElementName = "volumeCopy";

    public DiskSource Source => DiskSource.ForVolume(Pool, Name, Path, Format);

    public static VolumeCopy Read(SnapshotRecord record)
    {
        var element = record.Data.Name == ElementName
            ? record.Data
            : throw new FormatException($"A record of method '{record.Method}' has no <{ElementName}>.");
        string Value(string name) => (string?)element.Attribute(name) ?? throw new FormatException($"<{ElementName}> has no '{name}'.");
        return new VolumeCopy(Value("pool"), Value("name"), Value("path"), Value("format"), Value("origin"));
    }

    public SnapshotRecord ToRecord(VmDisk disk) => new(
        disk.Target,
        LibvirtVolumeMethod.MethodName,
        Source,
        new XElement(
            ElementName,
            new XAttribute("pool", Pool),
            new XAttribute("name", Name),
            new XAttribute("path", Path),
            new XAttribute("format", Format),
            new XAttribute("origin", Origin)));

    /// <summary>The record with this format.</summary>
    public SnapshotRecord WriteTo(SnapshotRecord record)
    {
        var data = new XElement(record.Data);
        data.SetAttributeValue("format", Format);
        return record with { Source = Source, Data = data };
    }

    public override string ToString() => $"{Pool}/{Name}";

    /// <summary>Whether it exists, also as a volume that libvirt does not list any more.</summary>
    /// <exception cref="VirtSnapshotException">
    /// <c>SourceMissing</c>: its pool does not run, so it is unknown; <c>SnapshotNotOurs</c>: its name is not one of ours.
    /// </exception>
    public bool Exists(MethodRequest request) => IsListed(request) || IsHidden(request);

    /// <summary>Whether libvirt lists it. Throws as <see cref="Exists"/>.</summary>
    public bool IsListed(MethodRequest request)
    {
        SnapshotLabel.RequireOurs(Name, this);
        try
        {
            return request.Native.Connection.HasVolume(Pool, Name);
        }
        catch (LibvirtException e) when (e.Code == LibvirtErrorCode.NoStoragePool || !e.ConnectionLost)
        {
            throw new VirtSnapshotException(
                FailureKind.ObjectNotFound,
                "SourceMissing",
                request.Domain,
                $"It is unknown whether the volume '{this}' still exists: {e.Message}. Start the pool ('virsh pool-start {Pool}'), then run "
                + "Repair-DiskSnapshot.",
                e);
        }
        catch (LibvirtException e)
        {
            throw LibvirtFailure.Explain(e, request.Domain, $"looking for the volume '{this}'", "Run Repair-DiskSnapshot when the connection works again.");
        }
    }

    /// <summary>Makes an LVM snapshot: libvirt takes the capacity as its COW space.</summary>
    public void TakeSnapshot(LibvirtConnection connection, string origin, long cowBytes) => connection.CreateVolume(Pool, new XElement(
        "volume",
        new XElement("name", Name),
        Bytes("capacity", cowBytes),
        Bytes("allocation", cowBytes),
        new XElement("backingStore", new XElement("path", origin))).ToString());

    /// <summary>The XML of a file that QEMU cannot write to.</summary>
    public string DefineUnwritable(long capacity) => Define(
        capacity, allocation: 0, new XElement("permissions", new XElement("mode", "0400"), new XElement("owner", 0), new XElement("group", 0)));

    /// <param name="capacity">Bytes.</param>
    /// <param name="allocation">Bytes.</param>
    /// <param name="permissions">Owner and mode; null for libvirt's defaults.</param>
    public string Define(long capacity, long allocation, XElement? permissions) => new XElement(
        "volume",
        new XElement("name", Name),
        Bytes("capacity", capacity),
        Bytes("allocation", allocation),
        new XElement("target", new XElement("format", new XAttribute("type", Format)), permissions)).ToString();

    /// <summary>Deletes it, unless it is deleted already.</summary>
    /// <exception cref="VirtSnapshotException">It could not be deleted.</exception>
    public void Delete(MethodRequest request)
    {
        if (!IsListed(request))
        {
            if (IsHidden(request))
            {
                throw NotDeleted("libvirt does not list it in its pool, as after an LVM snapshot has overflowed. Delete it with 'lvremove'", request, null);
            }

            return;
        }

        RefuseReader(request);
        try
        {
            request.Native.Connection.DeleteVolume(Pool, Name);
        }
        catch (LibvirtException e)
        {
            throw NotDeleted($"{e.Message.TrimEnd('.')}. If a backup reads it, wait until that has finished", request, e);
        }
    }

    /// <summary>Checks for readers, because libvirt deletes a file that is open. Without access to the host there is no check.</summary>
    /// <exception cref="VirtSnapshotException"><c>SourceInUse</c></exception>
    public void RefuseReader(MethodRequest request)
    {
        try
        {
            if (request.Host.WhyNoShell is null && request.Host.ReadOpenFiles().FindUsers(Path) is [var user, ..])
            {
                throw new VirtSnapshotException(
                    FailureKind.ResourceBusy,
                    "SourceInUse",
                    request.Domain,
                    $"The volume '{this}' ('{Path}'), a snapshot of domain '{request.Domain.Name}', was not deleted, because it is in use by {user}. "
                    + "Wait until the backup has finished, then try again.");
            }
        }
        catch (VirtSnapshotException e) when (e.ErrorId is "SudoRefused" or "ProgramMissing")
        {
            // The method needs only libvirt.
        }
    }

    private bool IsHidden(MethodRequest request)
    {
        try
        {
            return request.Host.WhyNoShell is null && request.Host.Stat(Path) is not null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // No permission to read the directory: only libvirt's list counts.
            return false;
        }
    }

    private VirtSnapshotException NotDeleted(string why, MethodRequest request, Exception? inner) => new(
        FailureKind.InvalidResult,
        "SnapshotNotDeleted",
        request.Domain,
        $"The volume '{this}' ('{Path}') could not be deleted: {why}, then run Repair-DiskSnapshot.",
        inner);

    private static XElement Bytes(string name, long bytes) => new(name, new XAttribute("unit", "bytes"), bytes.ToString(CultureInfo.InvariantCulture));
}
