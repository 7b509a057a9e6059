using VirtSnapshot.Domains;
using VirtSnapshot.PowerShell.Binding;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell;

/// <summary>
/// What stands for a domain on a command line or in a pipeline: its name (with wildcards) or UUID, a domain, or something of a domain: a
/// disk, a snapshot, a setting. An object is read by its properties, so that it means the same after it was deserialized.
/// </summary>
public sealed class DomainReference
{
    private const int MostPropertiesShown = 20;

    /// <summary>Reads what is given. It never fails: whoever uses the reference learns that it was not understood.</summary>
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

    /// <summary>The name, the pattern or the UUID; empty where it is not understood.</summary>
    public string Name { get; private set; } = "";

    /// <summary>Why it is not understood; null where it is.</summary>
    internal VirtSnapshotException? Failure { get; }

    /// <summary>What was given.</summary>
    internal object? Given { get; }

    /// <summary>The pattern that was typed; null where the name is exact, as an object's is: a domain may be named like a pattern.</summary>
    internal Wildcard? Pattern { get; private set; }

    /// <summary>The UUID; null where only the name is known.</summary>
    internal Guid? Uuid { get; private set; }

    /// <summary>The libvirt URI; null where it is not told.</summary>
    internal string? Uri { get; private set; }

    /// <summary>The disk; null where the whole domain is meant.</summary>
    internal DiskSelector? Disk { get; private set; }

    /// <summary>The snapshot, where one is meant.</summary>
    internal SnapshotReference? Snapshot { get; private set; }

    /// <inheritdoc/>
    public override string ToString() => Disk is null ? Name : $"{Name}/{Disk}";

    /// <summary>A reference that is not understood, since there is nothing in it.</summary>
    internal static DomainReference OfNothing(string given) => new(Nothing(given));

    private static VirtSnapshotException Nothing(string given) => NotUnderstood(null, $"{given} was given, where a domain or something of one is expected.");

    private static VirtSnapshotException NotUnderstood(ObjectProperties given, object target, string why)
    {
        var more = given.Names.Count > MostPropertiesShown ? ", …" : "";
        return NotUnderstood(
            target,
            $"An object of type '{given.TypeName}' was not understood: {why}. Its properties are: "
            + $"{string.Join(", ", given.Names.Take(MostPropertiesShown))}{more}.");
    }

    private static VirtSnapshotException NotUnderstood(object? target, string message) => new(
        FailureKind.InvalidArgument,
        "InputNotUnderstood",
        target,
        message + " Accepted are names and UUIDs of domains, what this module's commands write (also after it was deserialized), and objects with the property "
        + "Name or Uuid of a domain, or Domain or DomainUuid with Disk or Target; with Uri where it is not the default one.");

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

    /// <summary>Whether it is something of a domain: what it has by the name <c>Name</c> is not the domain's then.</summary>
    private static bool IsOfDomain(ObjectProperties given) =>
        given.Has("Domain") || given.Has("DomainUuid") || given.Has("Disk") || given.Has("Target") || IsOfSet(given)
        || SnapshotReference.DiskOfId(given.FindText("Id")) is not null;

    /// <summary>Whether it has a snapshot's Group, or is a group of objects (<c>Group-Object</c>): not where it is a word of the user's own.</summary>
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
        var snapshot = FindFirst(part, given, SnapshotReference.Properties);
        var disk = FindObject(part, "Disk") is { } listed
            ? (FindFirst(listed, given, "Target") ?? throw NotUnderstood(part, given, "its property Disk is no disk")).Text
            : FindFirst(part, given, "Disk", "Target")?.Text ?? SnapshotReference.DiskOfId(snapshot?.Text);
        Disk = disk is null ? null : DiskSelector.ForListed(disk);
        Snapshot = snapshot is var (property, text) ? new SnapshotReference(property, text, disk, ObjectProperties.Unwrap(given) as DiskSnapshot) : null;
    }

    /// <summary>What a property holds, where it is not a text but an object of its own.</summary>
    private static ObjectProperties? FindObject(ObjectProperties given, string name) =>
        given.Find(name) is { } value && ObjectProperties.TextOf(value) is null ? new ObjectProperties(value) : null;

    private void ReadIdentity(ObjectProperties domain, object given, string uuidProperty, string nameProperty)
    {
        var (property, text) = FindFirst(domain, given, uuidProperty, nameProperty) ?? throw NotUnderstood(domain, given, $"it has no property {nameProperty} or {uuidProperty}");
        Name = domain.FindText(nameProperty) is { Length: > 0 } name ? name : text;
        if (property == uuidProperty)
        {
            Uuid = Guid.TryParse(text, out var uuid) ? uuid : throw NotUnderstood(domain, given, $"its property {property} is no UUID: '{text}'");
        }
    }

    /// <summary>
    /// The first of some properties that has a text; null where it has none of them. What has lost its text must not count as what never had one.
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

        return names.FirstOrDefault(given.Has) is { } empty ? throw NotUnderstood(given, target, $"its property {empty} is not a text, or empty") : null;
    }
}
