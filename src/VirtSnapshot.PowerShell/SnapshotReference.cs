using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell;

/// <summary>Which snapshot of a domain an object names.</summary>
/// <param name="Property">The property that identifies it: <c>Id</c>, else <c>Group</c>, else <c>Name</c>.</param>
/// <param name="Value">Its value.</param>
/// <param name="Disk">The disk it is of; null where the object does not tell.</param>
/// <param name="Live">The snapshot itself, where it has never left the process.</param>
internal sealed record SnapshotReference(string Property, string Value, string? Disk, DiskSnapshot? Live)
{
    /// <summary>The properties by which an object names a snapshot. An overlay that no record explains has an empty one and an empty Group.</summary>
    public static readonly string[] Properties = [nameof(DiskSnapshot.Id), nameof(DiskSnapshot.Group), nameof(DiskSnapshot.Name)];

    /// <summary>The disk's target within an <see cref="DiskSnapshot.Id"/>; null where it is another kind of id.</summary>
    public static string? DiskOfId(string? id) => id?.IndexOf('/', StringComparison.Ordinal) is { } end and > 0 && Guid.TryParse(id.AsSpan(0, end), out _) ? id[(end + 1)..] : null;

    public bool Matches(DiskSnapshot snapshot) => Property switch
    {
        nameof(DiskSnapshot.Id) => snapshot.Id == Value,
        nameof(DiskSnapshot.Group) => Guid.TryParse(Value, out var group) && snapshot.Group == group,
        _ => snapshot.Name == Value,
    };

    public override string ToString() => Property == nameof(DiskSnapshot.Name) ? $"snapshot '{Value}'" : $"snapshot with {Property} '{Value}'";
}
