using VirtSnapshot.Domains;
using VirtSnapshot.PowerShell.Binding;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell;

/// <summary>
/// Refers to a domain on a command line or in a pipeline: a name (with wildcards) or UUID, a domain, or an object of a domain: a
/// disk, a snapshot, a setting. An object is read by its properties, so that it has the same meaning after deserialization.
/// </summary>
public sealed class DomainReference
{
    private const int MaxPropertiesShown = 20;

    /// <summary>Reads an object. It never fails: an invalid reference carries its error to the command.</summary>
    public DomainReference(object? given)
    {
        Given = given;
        try
        {
            Read(given);
        }
        catch (VirtSnapshotException e)
        {
            Failure = e;
        }
    }

    private DomainReference(VirtSnapshotException failure) => Failure = failure;

    /// <summary>The name, the pattern or the UUID; empty if the reference is invalid.</summary>
    public string Name { get; private set; } = "";

    /// <summary>Why it is invalid; null if it is valid.</summary>
    internal VirtSnapshotException? Failure { get; }

    /// <summary>The given object.</summary>
    internal object? Given { get; }

    /// <summary>The given pattern; null if the name is exact, as an object's is: a domain's name may contain wildcard characters.</summary>
    internal Wildcard? Pattern { get; private set; }

    /// <summary>The UUID; null if only the name is known.</summary>
    internal Guid? Uuid { get; private set; }

    /// <summary>The libvirt URI; null if the object does not contain it.</summary>
    internal string? Uri { get; private set; }

    /// <summary>The disk; null if the reference is to the whole domain.</summary>
    internal DiskSelector? Disk { get; private set; }

    /// <summary>The snapshot, if the reference is to one.</summary>
    internal SnapshotReference? Snapshot { get; private set; }

    /// <inheritdoc/>
    public override string ToString() => Disk is null ? Name : $"{Name}/{Disk}";

    /// <summary>An invalid reference: no object was given.</summary>
    internal static DomainReference OfNothing(string given) => new(Nothing(given));

    private static VirtSnapshotException Nothing(string given) =>
        NotUnderstood(null, $"{given} was given, but a domain or an object of a domain is expected.");

    private static VirtSnapshotException NotUnderstood(ObjectProperties given, object target, string why)
    {
        var more = given.Names.Count > MaxPropertiesShown ? ", …" : "";
        return NotUnderstood(
            target,
            $"An object of type '{given.TypeName}' does not identify a domain: {why}. Its properties are: "
            + $"{string.Join(", ", given.Names.Take(MaxPropertiesShown))}{more}.");
    }

    private static VirtSnapshotException NotUnderstood(object? target, string message) => new(
        FailureKind.InvalidArgument,
        "InputNotUnderstood",
        target,
        message + " Accepted are domain names and UUIDs, output objects of this module's commands (also deserialized), and objects with the property Name or "
        + "Uuid of a domain, or Domain or DomainUuid with Disk or Target; with Uri if it is not the default one.");

    private void Read(object? given)
    {
        if (given is null)
        {
            throw Nothing("Nothing");
        }

        if (ObjectProperties.TextOf(given) is { } text)
        {
            Name = string.IsNullOrWhiteSpace(text) ? throw Nothing("An empty text") : text;
            Pattern = Wildcard.IsPattern(text) ? Wildcard.Parse(text) : null;
            Uuid = ObjectProperties.Unwrap(given) as Guid?;
            return;
        }

        var properties = new ObjectProperties(given);
        if (IsOfDomain(properties))
        {
            ReadPart(properties, given);
        }
        else
        {
            ReadDomain(properties, given);
        }
    }

    /// <summary>Whether it is an object of a domain. Its property <c>Name</c> is then not the domain's name.</summary>
    private static bool IsOfDomain(ObjectProperties given) =>
        given.Has("Domain") || given.Has("DomainUuid") || given.Has("Disk") || given.Has("Target") || IsOfSet(given)
        || SnapshotReference.DiskOfId(given.FindText("Id")) is not null;

    /// <summary>Whether its Group is a snapshot's, or it is a group of objects (<c>Group-Object</c>), and not another text of the user.</summary>
    private static bool IsOfSet(ObjectProperties given) => given.Has("Group") && (given.FindText("Group") is not { } text || Guid.TryParse(text, out _));

    private void ReadDomain(ObjectProperties domain, object given)
    {
        ReadIdentity(domain, given, "Uuid", "Name");
        Uri = FindFirst(domain, given, "Uri")?.Text;
    }

    private void ReadPart(ObjectProperties part, object given)
    {
        if (FindObject(part, "Domain") is { } domain)
        {
            ReadDomain(domain, given);
        }
        else
        {
            ReadIdentity(part, given, "DomainUuid", "Domain");
        }

        Uri = FindFirst(part, given, "Uri")?.Text ?? Uri;
        var live = ObjectProperties.Unwrap(given) as DiskSnapshot;
        var snapshot = FindFirst(part, given, SnapshotReference.Properties);
        var disk = FindObject(part, "Disk") is { } listed
            ? (FindFirst(listed, given, "Target") ?? throw NotUnderstood(part, given, "its property Disk is not a disk")).Text
            // A damaged record may not say which disk it is of.
            : live is { Disk: "" } ? null
            : FindFirst(part, given, "Disk", "Target")?.Text ?? SnapshotReference.DiskOfId(snapshot?.Text);
        Disk = disk is null ? null : DiskSelector.ForListed(disk);
        Snapshot = snapshot is var (property, text) ? new SnapshotReference(property, text, disk, live) : null;
    }

    /// <summary>The value of a property if it is an object, not a string.</summary>
    private static ObjectProperties? FindObject(ObjectProperties given, string name) =>
        given.Find(name) is { } value && ObjectProperties.TextOf(value) is null ? new ObjectProperties(value) : null;

    private void ReadIdentity(ObjectProperties domain, object given, string uuidProperty, string nameProperty)
    {
        var (property, text) = FindFirst(domain, given, uuidProperty, nameProperty)
            ?? throw NotUnderstood(domain, given, $"it has no property {nameProperty} or {uuidProperty}");
        Name = domain.FindText(nameProperty) is { Length: > 0 } name ? name : text;
        if (property == uuidProperty)
        {
            Uuid = Guid.TryParse(text, out var uuid)
                ? uuid
                : throw NotUnderstood(domain, given, $"its property {property} is not a UUID: '{text}'");
        }
    }

    /// <summary>
    /// The first of some properties that has a string value; null if the object has none of them. A property without a value is an error, since it
    /// differs from a missing property.
    /// </summary>
    private static (string Property, string Text)? FindFirst(ObjectProperties given, object target, params string[] names)
    {
        foreach (var name in names)
        {
            if (given.FindText(name) is { } text && !string.IsNullOrWhiteSpace(text))
            {
                return (name, text);
            }
        }

        return names.FirstOrDefault(given.Has) is { } empty
            ? throw NotUnderstood(given, target, $"its property {empty} is empty or not a string")
            : null;
    }
}
