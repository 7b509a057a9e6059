using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell;

/// <summary>Refers to a snapshot of a domain.</summary>
/// <param name="Property">The property that identifies it: <c>Id</c>, else <c>Group</c>, else <c>Name</c>.</param>
/// <param name="Value">Its value.</param>
/// <param name="Disk">Its disk; null if the object does not contain it.</param>
/// <param name="Live">The snapshot object, if it was not deserialized.</param>
internal sealed record SnapshotReference(string Property, string Value, string? Disk, DiskSnapshot? Live)
{
    /// <summary>The properties that identify a snapshot. For an overlay without a record, Id and Group are empty.</summary>
    public static readonly string[] Properties = [nameof(DiskSnapshot.Id), nameof(DiskSnapshot.Group), nameof(DiskSnapshot.Name)];

    /// <summary>The disk's target within an <see cref="DiskSnapshot.Id"/>; null if it has another format.</summary>
    public static string? DiskOfId(string? id) =>
        id?.IndexOf('/', StringComparison.Ordinal) is { } end and > 0 && Guid.TryParse(id.AsSpan(0, end), out _) ? id[(end + 1)..] : null;

    public bool Matches(DiskSnapshot snapshot) => Property switch
    {
        nameof(DiskSnapshot.Id) => snapshot.Id == Value,
        nameof(DiskSnapshot.Group) => Guid.TryParse(Value, out var group) && snapshot.Group == group,
        _ => snapshot.Name == Value,
    };

    public override string ToString() => Property == nameof(DiskSnapshot.Name) ? $"snapshot '{Value}'" : $"snapshot with {Property} '{Value}'";
}
