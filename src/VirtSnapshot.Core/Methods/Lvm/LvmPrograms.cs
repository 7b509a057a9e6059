using VirtSnapshot.Hosts;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Lvm;

/// <summary>LVM on a host, by its programs. Nothing reaches them but names that <see cref="LvmName"/> has let pass.</summary>
internal sealed class LvmPrograms(IHost host)
{
    /// <summary>Those of the named volumes that exist. A group that does not has none.</summary>
    /// <exception cref="VirtSnapshotException"><c>StorageUnreadable</c></exception>
    public IReadOnlyList<LogicalVolume> Find(string group, params IReadOnlyList<string> names)
    {
        var wanted = string.Join(" || ", names.Select(name => $"lv_name=\"{name}\""));
        var result = host.RunAsRoot(
            "lvs", ["--reportformat", "json", "--units", "b", "--nosuffix", "--options", LogicalVolume.Fields, "--select", $"vg_name=\"{group}\" && ({wanted})"]);
        try
        {
            return LogicalVolume.Read(result.Succeeded ? result.Output : throw new FormatException(result.ToolError));
        }
        catch (FormatException e)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidData, "StorageUnreadable", $"{group}/{names[0]}", $"LVM on host '{host.Name}' does not tell about '{group}/{names[0]}': {e.Message}. Mend that, and try again.", e);
        }
    }

    /// <summary>The thick snapshots of a volume, each with the bytes that are used of its room, and that are left.</summary>
    /// <exception cref="VirtSnapshotException"><c>StorageUnreadable</c></exception>
    public IReadOnlyList<(string Name, double Used, double Left)> FindRoom(string group, string originUuid)
    {
        var result = host.RunAsRoot(
            "lvs", ["--reportformat", "json", "--units", "b", "--nosuffix", "--options", "lv_name,lv_size,data_percent", "--select", $"vg_name=\"{group}\" && origin_uuid=\"{originUuid}\""]);
        try
        {
            using var document = JsonText.Parse(result.Succeeded ? result.Output : throw new FormatException(result.ToolError));
            return
            [
                .. JsonText.Items(document.RootElement, "report").SelectMany(report => JsonText.Items(report, "lv"))
                    .Select(row => (Name: JsonText.Text(row, "lv_name"), Size: JsonText.Number(row, "lv_size") ?? 0, Fill: (JsonText.Percent(row, "data_percent") ?? 0) / 100))
                    .Select(snapshot => (snapshot.Name, snapshot.Size * snapshot.Fill, snapshot.Size * (1 - snapshot.Fill))),
            ];
        }
        catch (FormatException e)
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidData, "StorageUnreadable", group, $"LVM on host '{host.Name}' does not tell how full the snapshots in '{group}' are: {e.Message}. Mend that, and try again.", e);
        }
    }

    /// <summary>A group that is not there, renamed or on devices that are missing, does not show what is in it.</summary>
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
                $"Whether the snapshot '{target}' is still there cannot be told, since there is no volume group '{group}' on host '{host.Name}' ('vgs'): was it renamed, or are its devices missing? "
                + "Mend that, and run Repair-DiskSnapshot.");
        }
    }

    /// <summary>Runs one of the programs that make a snapshot or show it.</summary>
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
            var said when said.Contains("already exists in volume group", StringComparison.Ordinal) => (FailureKind.ResourceExists, "SnapshotExists"),
            var said when said.Contains("insufficient free space", StringComparison.Ordinal) || said.Contains("Insufficient suitable", StringComparison.Ordinal) => (FailureKind.QuotaExceeded, "NoSpace"),
            _ => (FailureKind.InvalidResult, "SnapshotNotTaken"),
        };
        throw new VirtSnapshotException(kind, id, target, $"The snapshot '{target}' on host '{host.Name}' could not be taken: '{program}' says: {result.ToolError}.");
    }

    /// <summary>Deletes the volume that has all that: LVM decides under its own lock which that is.</summary>
    /// <returns>What it said where it failed.</returns>
    public string? TryRemove(string group, string uuid, string tag)
    {
        var result = host.RunAsRoot("lvremove", ["--yes", "--force", "--select", $"lv_uuid=\"{uuid}\" && lv_tags=\"{tag}\"", group]);
        return result.Succeeded ? null : result.ToolError;
    }
}
