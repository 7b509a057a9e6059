using VirtSnapshot.Hosts;

namespace VirtSnapshot.Methods.Zfs;

/// <summary>ZFS on a host, by its programs. What they print with -H is parted by tabs, since blanks may be in names.</summary>
internal sealed class ZfsPrograms(IHost host)
{
    private const string Tag = "virtsnapshot";

    /// <exception cref="VirtSnapshotException"><c>PoolUnusable</c></exception>
    public void RequirePool(string pool, bool isWritten)
    {
        var result = host.RunAsRoot("zpool", ["get", "-H", "-o", "property,value", "health,readonly", pool]);
        if (!result.Succeeded)
        {
            throw Unusable(result.Complaint);
        }

        var facts = Lines(result.Output).ToDictionary(line => line[0], line => line[1], StringComparer.Ordinal);
        if (facts.GetValueOrDefault("health") is not ("ONLINE" or "DEGRADED"))
        {
            throw Unusable($"it is {facts.GetValueOrDefault("health")}; see 'zpool status {pool}'");
        }

        if (isWritten && facts.GetValueOrDefault("readonly") == "on")
        {
            throw Unusable("it is imported read-only");
        }

        VirtSnapshotException Unusable(string why) => new(
            FailureKind.ResourceUnavailable, "PoolUnusable", pool, $"The ZFS pool '{pool}' on host '{host.Name}' cannot be used: {why}. Mend that, and try again.");
    }

    /// <summary>The properties of a dataset, zvol or snapshot; null where there is none of that name.</summary>
    public IReadOnlyDictionary<string, ZfsValue>? Find(string name, params IReadOnlyList<string> properties)
    {
        var result = host.RunAsRoot("zfs", ["get", "-Hp", "-o", "property,value,source", string.Join(',', properties), name]);
        if (IsMissing(result))
        {
            return null;
        }

        Require(result, name);
        var facts = Lines(result.Output).Where(line => line.Length == 3).ToDictionary(line => line[0], line => new ZfsValue(line[1], line[2]), StringComparer.Ordinal);
        return properties.All(facts.ContainsKey) ? facts : throw Failed(name, $"'zfs get' did not say all of {string.Join(", ", properties)}");
    }

    /// <summary>Who holds a snapshot, besides us.</summary>
    public IReadOnlyList<string> FindOthersHolds(string snapshot) =>
        [.. Lines(Do("zfs", ["holds", "-H", snapshot], snapshot).Output).Where(line => line.Length >= 2 && line[0] == snapshot && line[1] != Tag).Select(line => line[1])];

    public void Hold(string snapshot)
    {
        var result = host.RunAsRoot("zfs", ["hold", Tag, snapshot]);
        if (!result.Errors.Contains("tag already exists", StringComparison.Ordinal))
        {
            Require(result, snapshot);
        }
    }

    public void Release(string snapshot)
    {
        var result = host.RunAsRoot("zfs", ["release", Tag, snapshot]);
        if (!result.Errors.Contains("no such tag", StringComparison.Ordinal) && !IsMissing(result))
        {
            Require(result, snapshot);
        }
    }

    /// <summary>Deletes that one, and nothing that hangs on it.</summary>
    /// <returns>Why it is still there, in the program's words; null when it is gone.</returns>
    public string? TryDestroy(string name)
    {
        var result = host.RunAsRoot("zfs", ["destroy", name]);
        return result.Succeeded || IsMissing(result) ? null : result.Complaint;
    }

    /// <exception cref="VirtSnapshotException"><c>SnapshotExists</c>, <c>NoSpace</c> or <c>StorageFailed</c>.</exception>
    public ProgramResult Do(string program, IReadOnlyList<string> arguments, string target) => Require(host.RunAsRoot(program, arguments), target);

    private static bool IsMissing(ProgramResult result) => !result.Succeeded && result.Errors.Contains("dataset does not exist", StringComparison.Ordinal);

    private static IEnumerable<string[]> Lines(string output) => output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('\t'));

    private ProgramResult Require(ProgramResult result, string target)
    {
        if (result.Succeeded)
        {
            return result;
        }

        var said = result.Complaint;
        throw said.Contains("already exists", StringComparison.Ordinal) ? new VirtSnapshotException(
                FailureKind.ResourceExists, "SnapshotExists", target, $"On host '{host.Name}' there is a ZFS dataset or snapshot of that name already ({said}). Choose another -Name.")
            : said.Contains("out of space", StringComparison.Ordinal) ? new VirtSnapshotException(
                FailureKind.QuotaExceeded, "NoSpace", target, $"On host '{host.Name}' there is not enough room in the ZFS pool or its quotas for '{target}' ({said}).")
            : Failed(target, said);
    }

    private VirtSnapshotException Failed(string target, string why) =>
        new(FailureKind.NotSpecified, "StorageFailed", target, $"ZFS on host '{host.Name}' failed with '{target}': {why}.");
}
