using VirtSnapshot.Hosts;

namespace VirtSnapshot.Methods.Zfs;

/// <summary>Deletes one snapshot: its clone, our hold, itself, each only if it exists and is ours. Can be repeated after any interruption.</summary>
internal sealed class ZfsRemoval(IHost host, ZfsSnapshot snapshot)
{
    // udev opens a device for a moment after a writer has closed it.
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

        if (zfs.TryRelease(snapshot.Name) is { } stderr)
        {
            throw NotDeleted(snapshot.Name, stderr);
        }

        try
        {
            Destroy(snapshot.Name);
        }
        catch (VirtSnapshotException)
        {
            // It still exists: the hold protects it from deletion by others.
            zfs.Hold(snapshot.Name);
            throw;
        }

        return true;
    }

    /// <summary>Where the pool is not imported, every dataset is reported as missing: hence the check of the pool.</summary>
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
        if (facts["userrefs"].Value != "0" && zfs.FindForeignHolds(snapshot.Name) is [_, ..] holds)
        {
            return $"'{snapshot.Name}' has other holds: {string.Join(", ", holds.Select(tag => $"'{tag}'"))} ('zfs holds' shows them)";
        }

        // A clone's name may have a blank, but never a comma.
        var clones = facts["clones"].Value.Split(',');
        return clones.FirstOrDefault(name => name is not ("-" or "") && name != snapshot.CloneName) is { } clone ? $"'{clone}' is a clone of it" : null;
    }

    private void Destroy(string name)
    {
        for (var attempt = 1; zfs.TryDestroy(name) is { } stderr; attempt++)
        {
            if (!ToolError.IsBusy(stderr))
            {
                throw ToolError.HasDependents(stderr) ? InUse(name, stderr) : NotDeleted(name, stderr);
            }

            if (attempt == Attempts)
            {
                throw InUse(name, stderr);
            }

            if (snapshot.CloneName is null && attempt == 1)
            {
                // Usually the kernel unmounts it, but not after an access through a bind mount. Open files make the unmount fail.
                host.RunAsRoot("umount", ["--", snapshot.At]);
            }

            Thread.Sleep(Pause);
        }
    }

    private VirtSnapshotException InUse(string name, string why) => new(
        FailureKind.ResourceBusy,
        "SourceInUse",
        name,
        $"'{name}' on host '{host.Name}' cannot be deleted while it is in use: {why}. Wait until that has ended, then try again.");

    private VirtSnapshotException NotDeleted(string name, string stderr) => new(
        FailureKind.InvalidResult,
        "SnapshotNotDeleted",
        name,
        $"'{name}' on host '{host.Name}' could not be deleted: {stderr}. Fix the cause, then run Repair-DiskSnapshot.");

    private VirtSnapshotException NotOurs(string name) => new(
        FailureKind.InvalidOperation,
        "SnapshotNotOurs",
        name,
        $"'{name}' on host '{host.Name}' is not touched, because it does not have the property of its set ({ZfsSnapshot.Mark}={snapshot.Set}). "
        + "If it is yours, rename it, then try again.");
}
