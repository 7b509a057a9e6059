using VirtSnapshot.Hosts;

namespace VirtSnapshot.Methods.Lvm;

/// <summary>LVM on a host, by its programs. Nothing reaches them but names that <see cref="LvmName"/> has let pass.</summary>
internal sealed class LvmPrograms(IHost host)
{
    /// <summary>Those of the named volumes that exist. A group that does not has none.</summary>
    public IReadOnlyList<LogicalVolume> Find(string group, params IReadOnlyList<string> names)
    {
        var wanted = string.Join(" || ", names.Select(name => $"lv_name=\"{name}\""));
        var result = Do(
            "lvs",
            ["--reportformat", "json", "--units", "b", "--nosuffix", "--options", LogicalVolume.Fields, "--select", $"vg_name=\"{group}\" && ({wanted})"],
            $"{group}/{names[0]}");
        try
        {
            return LogicalVolume.Read(result.Output);
        }
        catch (FormatException e)
        {
            throw Failed($"{group}/{names[0]}", $"lvs does not say what was asked ({e.Message})");
        }
    }

    /// <exception cref="VirtSnapshotException"><c>SnapshotExists</c>, <c>NoSpace</c> or <c>StorageFailed</c>.</exception>
    public ProgramResult Do(string program, IReadOnlyList<string> arguments, string target)
    {
        var result = host.RunAsRoot(program, arguments);
        if (result.Succeeded)
        {
            return result;
        }

        var said = result.Complaint;
        throw said.Contains("already exists in volume group", StringComparison.Ordinal) ? new VirtSnapshotException(
                FailureKind.ResourceExists, "SnapshotExists", target, $"On host '{host.Name}' there is a logical volume of that name already ({said}). Choose another -Name.")
            : said.Contains("insufficient free space", StringComparison.Ordinal) || said.Contains("Insufficient suitable", StringComparison.Ordinal) ? new VirtSnapshotException(
                FailureKind.QuotaExceeded, "NoSpace", target, $"On host '{host.Name}' the volume group has no room for '{target}' ({said}). Extend it, or give a smaller <size>.")
            : Failed(target, said);
    }

    public VirtSnapshotException Failed(string target, string why) =>
        new(FailureKind.NotSpecified, "StorageFailed", target, $"LVM on host '{host.Name}' failed with '{target}': {why}.");
}
