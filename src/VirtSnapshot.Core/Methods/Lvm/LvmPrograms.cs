using VirtSnapshot.Hosts;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Lvm;

/// <summary>Runs the programs of LVM on a host, only with names that <see cref="LvmName"/> has checked.</summary>
internal sealed class LvmPrograms(IHost host)
{
    /// <summary>The existing ones of the named volumes; none where the group does not exist.</summary>
    /// <exception cref="VirtSnapshotException"><c>StorageUnreadable</c></exception>
    public IReadOnlyList<LogicalVolume> Find(string group, params IReadOnlyList<string> names)
    {
        var wanted = string.Join(" || ", names.Select(name => $"lv_name=\"{name}\""));
        var result = host.RunAsRoot(
            "lvs",
            [
                "--reportformat", "json", "--units", "b", "--nosuffix", "--options", LogicalVolume.Fields,
                "--select", $"vg_name=\"{group}\" && ({wanted})",
            ]);
        try
        {
            return LogicalVolume.Read(result.Succeeded ? result.Output : throw new FormatException(result.ToolError));
        }
        catch (FormatException e)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidData,
                "StorageUnreadable",
                $"{group}/{names[0]}",
                $"The volume '{group}/{names[0]}' cannot be read by LVM on host '{host.Name}': {e.Message}. Fix the cause, then try again.",
                e);
        }
    }

    /// <summary>The thick snapshots of a volume, each with the used and free bytes of its COW space.</summary>
    /// <exception cref="VirtSnapshotException"><c>StorageUnreadable</c></exception>
    public IReadOnlyList<(string Name, double Used, double Left)> FindCowSpace(string group, string originUuid)
    {
        var result = host.RunAsRoot(
            "lvs",
            [
                "--reportformat", "json", "--units", "b", "--nosuffix", "--options", "lv_name,lv_size,data_percent",
                "--select", $"vg_name=\"{group}\" && origin_uuid=\"{originUuid}\"",
            ]);
        try
        {
            using var document = JsonText.Parse(result.Succeeded ? result.Output : throw new FormatException(result.ToolError));
            return
            [
                .. JsonText.Items(document.RootElement, "report").SelectMany(report => JsonText.Items(report, "lv"))
                    .Select(row => (
                        Name: JsonText.Text(row, "lv_name"),
                        Size: JsonText.Number(row, "lv_size") ?? 0,
                        Usage: (JsonText.Percent(row, "data_percent") ?? 0) / 100))
                    .Select(snapshot => (snapshot.Name, snapshot.Size * snapshot.Usage, snapshot.Size * (1 - snapshot.Usage))),
            ];
        }
        catch (FormatException e)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidData,
                "StorageUnreadable",
                group,
                $"The COW usage of the snapshots in '{group}' cannot be read by LVM on host '{host.Name}': {e.Message}. Fix the cause, then try again.",
                e);
        }
    }

    /// <summary>Where the group is missing, renamed or on missing devices, a missing volume proves nothing.</summary>
    /// <exception cref="VirtSnapshotException"><c>SourceMissing</c></exception>
    public void RequireGroup(string group, string target)
    {
        var result = host.RunAsRoot("vgs", ["--noheadings", "--options", "vg_name", "--select", $"vg_name=\"{group}\""]);
        if (!result.Succeeded || result.Output.Trim().Length == 0)
        {
            throw new VirtSnapshotException(
                FailureKind.ObjectNotFound,
                "SourceMissing",
                target,
                $"It is unknown whether the snapshot '{target}' still exists, because host '{host.Name}' has no volume group '{group}' ('vgs'). "
                + "Make its devices available, or give it its old name, then run Repair-DiskSnapshot.");
        }
    }

    /// <summary>Runs a program that makes a snapshot or makes it accessible.</summary>
    /// <exception cref="VirtSnapshotException"><c>SnapshotExists</c>, <c>NoSpace</c> or <c>SnapshotNotTaken</c>.</exception>
    public void Do(string program, IReadOnlyList<string> arguments, string target)
    {
        var result = host.RunAsRoot(program, arguments);
        if (result.Succeeded)
        {
            return;
        }

        var (kind, id) = result.Errors switch
        {
            var stderr when stderr.Contains("already exists in volume group", StringComparison.Ordinal) => (FailureKind.ResourceExists, "SnapshotExists"),
            var stderr when stderr.Contains("insufficient free space", StringComparison.Ordinal)
                || stderr.Contains("Insufficient suitable", StringComparison.Ordinal) => (FailureKind.QuotaExceeded, "NoSpace"),
            _ => (FailureKind.InvalidResult, "SnapshotNotTaken"),
        };
        throw new VirtSnapshotException(kind, id, target, $"The snapshot '{target}' on host '{host.Name}' could not be taken: '{program}' failed: "
            + $"{result.ToolError}.");
    }

    /// <summary>Deletes the volume with this UUID and tag, which LVM checks under its own lock.</summary>
    /// <returns>Its stderr where it failed; null on success.</returns>
    public string? TryRemove(string group, string uuid, string tag)
    {
        var result = host.RunAsRoot("lvremove", ["--yes", "--force", "--select", $"lv_uuid=\"{uuid}\" && lv_tags=\"{tag}\"", group]);
        return result.Succeeded ? null : result.ToolError;
    }
}
