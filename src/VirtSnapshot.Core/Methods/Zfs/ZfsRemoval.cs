using VirtSnapshot.Hosts;

namespace VirtSnapshot.Methods.Zfs;

/// <summary>Deletes one snapshot: its clone, our hold, itself, each only where it is there and proven ours. May be repeated from wherever it ended.</summary>
internal sealed class ZfsRemoval(IHost host, ZfsSnapshot snapshot)
{
    // udev looks into a device for a moment after somebody has closed it.
    private const int Attempts = 20;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    private readonly ZfsPrograms zfs = new(host);

    public bool HasAnything() => FindSnapshot() is not null || HasClone();

    public string? WhyInUse() => FindSnapshot() is { } facts ? WhyInUse(facts) : null;

    public bool Run()
    {
        var facts = FindSnapshot();
        var hasClone = HasClone();
        if (facts is not null && WhyInUse(facts) is { } why)
        {
            throw InUse(snapshot.Name, why);
        }

        if (hasClone)
        {
            Destroy(snapshot.CloneName!);
        }

        if (facts is null)
        {
            return hasClone;
        }

        if (zfs.TryRelease(snapshot.Name) is { } said)
        {
            throw NotDeleted(snapshot.Name, said);
        }

        try
        {
            Destroy(snapshot.Name);
        }
        catch (VirtSnapshotException)
        {
            // It stays, and so nobody else is to delete it.
            zfs.Hold(snapshot.Name);
            throw;
        }

        return true;
    }

    /// <summary>A pool that is not there says of everything that it does not exist.</summary>
    private IReadOnlyDictionary<string, ZfsValue>? FindSnapshot()
    {
        if (zfs.Find(snapshot.Name, ZfsSnapshot.Mark, "userrefs", "clones") is { } facts)
        {
            return snapshot.IsOurs(facts) ? facts : throw NotOurs(snapshot.Name);
        }

        zfs.RequirePool(ZfsName.PoolOf(snapshot.Name), isWritten: false);
        return null;
    }

    private bool HasClone() => snapshot.CloneName is not null
        && zfs.Find(snapshot.CloneName, ZfsSnapshot.Mark, "origin") is { } facts
        && (snapshot.IsOurClone(facts) ? true : throw NotOurs(snapshot.CloneName));

    private string? WhyInUse(IReadOnlyDictionary<string, ZfsValue> facts)
    {
        if (facts["userrefs"].Value != "0" && zfs.FindOthersHolds(snapshot.Name) is [_, ..] holds)
        {
            return $"somebody else holds '{snapshot.Name}' with {string.Join(", ", holds.Select(tag => $"'{tag}'"))} ('zfs holds' tells more)";
        }

        // A clone's name may hold a blank, but never a comma.
        return facts["clones"].Value.Split(',').FirstOrDefault(name => name is not ("-" or "") && name != snapshot.CloneName) is { } clone ? $"'{clone}' is a clone of it" : null;
    }

    private void Destroy(string name)
    {
        for (var attempt = 1; zfs.TryDestroy(name) is { } said; attempt++)
        {
            if (!ToolError.IsBusy(said))
            {
                throw ToolError.HasDependents(said) ? InUse(name, said) : NotDeleted(name, said);
            }

            if (attempt == Attempts)
            {
                throw InUse(name, said);
            }

            if (snapshot.CloneName is null && attempt == 1)
            {
                // Usually that goes by itself, but one that was entered through a bind mount stays. Who reads in it, is not disturbed.
                host.RunAsRoot("umount", ["--", snapshot.At]);
            }

            Thread.Sleep(Pause);
        }
    }

    private VirtSnapshotException InUse(string name, string why) => new(
        FailureKind.ResourceBusy, "SourceInUse", name, $"'{name}' on host '{host.Name}' cannot be deleted while somebody uses it: {why}. It stays. Let that end, and try again.");

    private VirtSnapshotException NotDeleted(string name, string said) =>
        new(FailureKind.InvalidResult, "SnapshotNotDeleted", name, $"'{name}' on host '{host.Name}' could not be deleted: {said}. Mend that, and run Repair-DiskSnapshot.");

    private VirtSnapshotException NotOurs(string name) => new(
        FailureKind.InvalidOperation,
        "SnapshotNotOurs",
        name,
        $"'{name}' on host '{host.Name}' does not carry the mark of the set that it should belong to ({ZfsSnapshot.Mark}={snapshot.Set}), so it is not touched. "
        + "If it is yours, rename it; then this can be finished.");
}
