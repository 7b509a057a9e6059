using VirtSnapshot.Hosts;

namespace VirtSnapshot.Methods.Zfs;

/// <summary>Runs the programs of ZFS on a host. With -H they separate fields by tabs, because names may have blanks.</summary>
internal sealed class ZfsPrograms(IHost host)
{
    private const string Tag = "virtsnapshot";

    /// <exception cref="VirtSnapshotException"><c>PoolUnusable</c></exception>
    public void RequirePool(string pool, bool isWritten)
    {
        var result = host.RunAsRoot("zpool", ["get", "-H", "-o", "property,value", "health,readonly", pool]);
        if (!result.Succeeded)
        {
            throw Unusable(result.ToolError);
        }

        var facts = Lines(result.Output)
            .Where(line => line.Length == 2)
            .DistinctBy(line => line[0])
            .ToDictionary(line => line[0], line => line[1], StringComparer.Ordinal);
        if (facts.GetValueOrDefault("health") is not ("ONLINE" or "DEGRADED"))
        {
            throw Unusable($"its health is {facts.GetValueOrDefault("health")}; see 'zpool status {pool}'");
        }

        if (isWritten && facts.GetValueOrDefault("readonly") == "on")
        {
            throw Unusable("it is imported read-only");
        }

        VirtSnapshotException Unusable(string why) => new(
            FailureKind.ResourceUnavailable,
            "PoolUnusable",
            pool,
            $"The ZFS pool '{pool}' on host '{host.Name}' cannot be used: {why}. Repair the pool, then try again.");
    }

    /// <summary>The properties of a dataset, zvol or snapshot; null where it does not exist.</summary>
    /// <exception cref="VirtSnapshotException"><c>StorageUnreadable</c>, <c>PoolUnusable</c></exception>
    public IReadOnlyDictionary<string, ZfsValue>? Find(string name, params IReadOnlyList<string> properties)
    {
        var result = host.RunAsRoot("zfs", ["get", "-Hp", "-o", "property,value,source", string.Join(',', properties), name]);
        if (IsMissing(result))
        {
            return null;
        }

        if (!result.Succeeded)
        {
            RequirePool(ZfsName.PoolOf(name), isWritten: false);
            throw Unreadable(name, result.ToolError);
        }

        var facts = Lines(result.Output)
            .Where(line => line.Length == 3)
            .DistinctBy(line => line[0])
            .ToDictionary(line => line[0], line => new ZfsValue(line[1], line[2]), StringComparer.Ordinal);
        return properties.All(facts.ContainsKey) ? facts : throw Unreadable(name, $"'zfs get' did not print all of {string.Join(", ", properties)}");
    }

    /// <summary>The tags of a snapshot's holds, without ours.</summary>
    /// <exception cref="VirtSnapshotException"><c>StorageUnreadable</c></exception>
    public IReadOnlyList<string> FindForeignHolds(string snapshot)
    {
        var result = host.RunAsRoot("zfs", ["holds", "-H", snapshot]);
        return result.Succeeded
            ? [.. Lines(result.Output).Where(line => line.Length >= 2 && line[0] == snapshot && line[1] != Tag).Select(line => line[1])]
            : throw Unreadable(snapshot, result.ToolError);
    }

    public void Hold(string snapshot)
    {
        var result = host.RunAsRoot("zfs", ["hold", Tag, snapshot]);
        if (!ToolError.IsHoldAsWanted(result.Errors))
        {
            Require(result, snapshot);
        }
    }

    /// <returns>The program's stderr where it failed; null where the hold does not exist any more.</returns>
    public string? TryRelease(string snapshot)
    {
        var result = host.RunAsRoot("zfs", ["release", Tag, snapshot]);
        return result.Succeeded || IsMissing(result) || ToolError.IsHoldAsWanted(result.Errors) ? null : result.ToolError;
    }

    /// <summary>Destroys it, and none of its dependents.</summary>
    /// <returns>The program's stderr where it failed; null where it does not exist any more.</returns>
    public string? TryDestroy(string name)
    {
        var result = host.RunAsRoot("zfs", ["destroy", name]);
        return result.Succeeded || IsMissing(result) ? null : result.ToolError;
    }

    /// <summary>Runs a program that makes a snapshot or makes it accessible.</summary>
    /// <exception cref="VirtSnapshotException"><c>SnapshotExists</c>, <c>NoSpace</c> or <c>SnapshotNotTaken</c>.</exception>
    public ProgramResult Do(string program, IReadOnlyList<string> arguments, string target) => Require(host.RunAsRoot(program, arguments), target);

    private static bool IsMissing(ProgramResult result) => !result.Succeeded && ToolError.IsNoDataset(result.Errors);

    private static IEnumerable<string[]> Lines(string output) =>
        output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('\t'));

    private ProgramResult Require(ProgramResult result, string target)
    {
        if (result.Succeeded)
        {
            return result;
        }

        var (kind, id) = result.Errors switch
        {
            var stderr when ToolError.IsNameTaken(stderr) => (FailureKind.ResourceExists, "SnapshotExists"),
            var stderr when ToolError.IsNoSpace(stderr) => (FailureKind.QuotaExceeded, "NoSpace"),
            _ => (FailureKind.InvalidResult, "SnapshotNotTaken"),
        };
        throw new VirtSnapshotException(
            kind, id, target, $"The snapshot '{target}' on host '{host.Name}' could not be taken: '{result.Program}' failed: {result.ToolError}.");
    }

    private VirtSnapshotException Unreadable(string name, string why) => new(
        FailureKind.InvalidData,
        "StorageUnreadable",
        name,
        $"The properties of '{name}' cannot be read by ZFS on host '{host.Name}': {why}. Fix the cause, then try again.");
}

/// <summary>A property's value.</summary>
/// <param name="Value">As <c>zfs get -p</c> prints it; <c>-</c> where there is none.</param>
/// <param name="Source"><c>local</c>, <c>default</c>, <c>inherited from …</c>, <c>received</c>, <c>-</c>.</param>
internal sealed record ZfsValue(string Value, string Source);
