using System.Globalization;
using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;

namespace VirtSnapshot.Methods.LibvirtVolume;

/// <summary>A volume beside a disk's own, in the same pool, that holds what the disk held: planned or made.</summary>
/// <param name="Pool">The pool.</param>
/// <param name="Name">Its name in it. A part of it is random and only in our records: that proves it ours.</param>
/// <param name="Path">Its path on the host.</param>
/// <param name="Format">Its format.</param>
/// <param name="Origin">The name of the volume that it is of.</param>
internal sealed record VolumeCopy(string Pool, string Name, string Path, string Format, string Origin)
{
    private const string ElementName = "volumeCopy";

    public DiskSource Source => DiskSource.ForVolume(Pool, Name, Path, Format);

    public static VolumeCopy Read(SnapshotRecord record)
    {
        var element = record.Data.Name == ElementName ? record.Data : throw new FormatException($"A record of method '{record.Method}' without <{ElementName}>.");
        string Value(string name) => (string?)element.Attribute(name) ?? throw new FormatException($"<{ElementName}> without '{name}'.");
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

    /// <summary>The record, with this as what it says.</summary>
    public SnapshotRecord WriteTo(SnapshotRecord record)
    {
        var data = new XElement(record.Data);
        data.SetAttributeValue("format", Format);
        return record with { Source = Source, Data = data };
    }

    public override string ToString() => $"{Pool}/{Name}";

    /// <summary>Looks anew whether it is there, be it as something that libvirt does not show any more.</summary>
    /// <exception cref="VirtSnapshotException"><c>SourceMissing</c>: its pool does not run, so nobody can tell; <c>SnapshotNotOurs</c>: its name is none of ours.</exception>
    public bool Exists(MethodRequest request) => IsShown(request) || IsHidden(request);

    /// <summary>As <see cref="Exists"/>, as far as libvirt tells.</summary>
    public bool IsShown(MethodRequest request)
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
                $"Whether the volume '{this}' is still there cannot be told: {e.Message}. Start the pool ('virsh pool-start {Pool}'), and run Repair-DiskSnapshot.",
                e);
        }
        catch (LibvirtException e)
        {
            throw LibvirtFailure.Explain(e, request.Domain, $"looking for the volume '{this}'", "Run Repair-DiskSnapshot when it answers again.");
        }
    }

    /// <summary>An LVM snapshot: the room is all that is said of it, the rest is its origin's.</summary>
    public void TakeSnapshot(LibvirtConnection connection, string origin, long room) => connection.CreateVolume(Pool, new XElement(
        "volume",
        new XElement("name", Name),
        Bytes("capacity", room),
        Bytes("allocation", room),
        new XElement("backingStore", new XElement("path", origin))).ToString());

    /// <summary>A file that nobody can write to, not even QEMU.</summary>
    public string DefineUnwritable(long capacity) => Define(
        capacity, allocation: 0, new XElement("permissions", new XElement("mode", "0400"), new XElement("owner", 0), new XElement("group", 0)));

    /// <param name="capacity">Bytes.</param>
    /// <param name="allocation">Bytes.</param>
    /// <param name="permissions">Owner and mode; libvirt's own choice where it is null.</param>
    public string Define(long capacity, long allocation, XElement? permissions) => new XElement(
        "volume",
        new XElement("name", Name),
        Bytes("capacity", capacity),
        Bytes("allocation", allocation),
        new XElement("target", new XElement("format", new XAttribute("type", Format)), permissions)).ToString();

    /// <summary>Deletes it; one that is gone already is fine.</summary>
    /// <exception cref="VirtSnapshotException">It stays.</exception>
    public void Delete(MethodRequest request)
    {
        if (!IsShown(request))
        {
            if (IsHidden(request))
            {
                throw Stays("libvirt does not show it in its pool, as an LVM snapshot that has overflowed. Delete it by its own tools ('lvremove')", request, null);
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
            throw Stays($"{e.Message.TrimEnd('.')}. If somebody reads it, let the backup finish", request, e);
        }
    }

    /// <summary>libvirt deletes a file that is open. Where nobody can look who has it open, its word has to do.</summary>
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
                    $"The volume '{this}' ('{Path}'), a snapshot of domain '{request.Domain.Name}', is not deleted while somebody reads it: {user}. "
                    + "Let the backup finish, and try again.");
            }
        }
        catch (VirtSnapshotException e) when (e.ErrorId is "SudoRefused" or "ProgramMissing")
        {
            // Nothing but libvirt is needed.
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
            // Not ours to look into: libvirt's word has to do.
            return false;
        }
    }

    private VirtSnapshotException Stays(string why, MethodRequest request, Exception? inner) => new(
        FailureKind.InvalidResult, "SnapshotNotDeleted", request.Domain, $"The volume '{this}' ('{Path}') could not be deleted: {why}; then run Repair-DiskSnapshot.", inner);

    private static XElement Bytes(string name, long bytes) => new(name, new XAttribute("unit", "bytes"), bytes.ToString(CultureInfo.InvariantCulture));
}
