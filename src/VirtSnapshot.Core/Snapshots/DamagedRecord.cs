using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;

namespace VirtSnapshot.Snapshots;

/// <summary>A record in a domain's metadata that cannot be read, or that a later version of the module has written.</summary>
/// <param name="Domain">The domain.</param>
/// <param name="Uri">The URI that the record is kept under.</param>
/// <param name="Group">The set's identity from the URI; empty where the URI has none.</param>
/// <param name="Name">The snapshot's name; empty where the record has none that can be read.</param>
/// <param name="Targets">The disks that the record names; none where it names none, or not all of them can be read.</param>
/// <param name="IsOfLaterVersion">Whether it is not damaged, but written by a later version of the module.</param>
/// <param name="Why">Why it cannot be read, as a sentence.</param>
internal sealed record DamagedRecord(
    VmDomain Domain, string Uri, Guid Group, string Name, IReadOnlyList<string> Targets, bool IsOfLaterVersion, string Why)
{
    /// <summary>The warning about it.</summary>
    public string Warning => $"{Description} 'virsh metadata {Domain.Name} {Uri}' shows it. Until it is removed from the metadata, its objects are not "
        + "removed or "
        + (IsOfLaterVersion ? "restored." : "restored: Remove-DiskSnapshot takes it out, and deletes nothing else.");

    private string Description =>
        $"A snapshot record in the metadata of domain '{Domain.Name}'{(Name.Length > 0 ? $" (snapshot '{Name}')" : "")} cannot be read: {Why}";

    public static DamagedRecord Of(VmDomain domain, string uri, XElement record, Exception error) => new(
        domain,
        uri,
        Guid.TryParse(uri[MetadataUri.SetPrefix.Length..], out var group) ? group : Guid.Empty,
        SnapshotName.TryParse((string?)record.Attribute("name"))?.ToString() ?? "",
        ReadTargets(record),
        RecordFormat.IsUnknown(record),
        error.Message);

    /// <summary>Whether it may be about a disk.</summary>
    public bool Concerns(string target) => Targets.Count == 0 || Targets.Contains(target, StringComparer.Ordinal);

    /// <summary>The error for operations that are not possible while the record exists.</summary>
    /// <param name="target">The object that the error is about.</param>
    /// <param name="isJournaled">Whether an unfinished run keeps Remove-DiskSnapshot from taking the record out.</param>
    public VirtSnapshotException ToFailure(object target, bool isJournaled = false) => new(
        FailureKind.InvalidData,
        "CatalogDamaged",
        target,
        $"{Description} Nothing was touched. 'virsh metadata {Domain.Name} {Uri}' shows it."
        + (IsOfLaterVersion ? ""
            : isJournaled ? " If it is not needed, take it out with the option --remove of that command, and with --config out of the stored definition. "
                + "Repair-DiskSnapshot then treats what it names as not recorded."
            : " Take it out with Remove-DiskSnapshot first, which deletes nothing else."));

    /// <summary>As a snapshot, once for each disk that it names.</summary>
    public IEnumerable<DiskSnapshot> ToSnapshots() => (Targets.Count > 0 ? Targets : [""]).Select(target => new DiskSnapshot
    {
        Domain = Domain.Name,
        DomainUuid = Domain.Uuid,
        Disk = target,
        Name = Name,
        Group = Group,
        State = SnapshotState.Damaged,
        Uri = Domain.Uri,
    });

    /// <summary>If one of the names cannot be read, it may be any disk's.</summary>
    private static string[] ReadTargets(XElement record)
    {
        string?[] targets = [.. record.Elements("disk").Select(disk => (string?)disk.Attribute("target"))];
        return targets.All(IsTarget) ? [.. targets.OfType<string>().Distinct(StringComparer.Ordinal)] : [];
    }

    /// <summary>What is shown and compared is short and printable.</summary>
    private static bool IsTarget(string? target) => target is { Length: > 0 and <= 32 } && target.All(char.IsAsciiLetterOrDigit);
}
