using VirtSnapshot.Domains;
using VirtSnapshot.Methods;

namespace VirtSnapshot.Snapshots;

/// <summary>
/// A domain that was defined again from an old XML while it had snapshots (virt-install, Terraform and Ansible do that): its stored definition uses the base,
/// and after the next start everything written since is missing without an error.
/// </summary>
internal static class Redefinition
{
    /// <summary>Disks of a running domain whose stored definition starts from a layer below the one that the guest writes to.</summary>
    public static IReadOnlyList<(VmDisk Live, VmDisk Stored)> FindBehind(MethodRequest request)
    {
        var domain = request.Domain;
        if (domain is not { IsActive: true, IsPersistent: true } || domain.Disks.All(disk => disk.BackingChain.Count == 0))
        {
            return [];
        }

        var stored = request.ReadStoredDisks();
        return
        [
            .. domain.Disks
                .Select(live => (Live: live, Stored: stored.FirstOrDefault(disk => disk.Target == live.Target)!))
                .Where(disk => disk.Stored is not null
                    && !IsSame(disk.Stored.Source, disk.Live.Source)
                    && disk.Live.BackingChain.Any(layer => IsSame(layer, disk.Stored.Source))),
        ];

        bool IsSame(DiskSource one, DiskSource other) =>
            one.IsSameAs(other) || (one.Path is { } path && other.Path is { } same && request.IsSameFile(path, same));
    }

    /// <summary>Snapshots that their storage proves to be the domain's own, except those of an unfinished run. Some may be unusable.</summary>
    public static IReadOnlyList<LostDisk> FindLost(MethodRegistry methods, MethodRequest request, FolderListing listing)
    {
        if (request.Host.WhyNoShell is not null)
        {
            return [];
        }

        // The journal names the snapshots of an unfinished run.
        var journaled = RunJournal.Read(request.Domain)?.Entries ?? [];
        return
        [
            .. methods.OverlayMethods.SelectMany(method => method.FindLost(request, listing))
                .Where(lost => !journaled.Any(entry => entry.Record.Set?.Group == lost.Record.Set!.Group && entry.Record.IsSameAs(lost.Record))),
        ];
    }

    /// <summary>Warnings that the user needs before the next start of the domain.</summary>
    public static IEnumerable<string> Describe(IEnumerable<(VmDisk Live, VmDisk Stored)> behind) => behind.Select(disk =>
        $"Disk '{disk.Live.Target}' of domain '{disk.Live.Domain}' writes to '{disk.Live.Source}', but its stored definition starts from "
        + $"'{disk.Stored.Source}', as after 'virsh define' of an old XML: "
        + $"after its next start, everything written since the snapshot would be missing. Run 'Repair-DiskSnapshot {disk.Live.Domain}' while it runs.");

    /// <summary>Warnings about data that a disk does not use.</summary>
    public static IEnumerable<string> Describe(VmDomain domain, IReadOnlyList<LostDisk> lost) => lost
        .Where(disk => disk is { IsInChain: false, WhyUseless: null })
        .GroupBy(disk => disk.Record.Target)
        .Select(disk => (Target: disk.Key, First: disk.First(), Names: string.Join(", ", disk.Select(layer => $"'{layer.File}'"))))
        .Select(disk =>
            $"Disk '{disk.Target}' of domain '{domain.Name}' does not use what was written after snapshot '{disk.First.Record.Set!.Name}' of "
            + $"{disk.First.TakenAt:u}, as after 'virsh define' of an old XML, or a merge by hand. "
            + $"It is in {disk.Names}: do not delete that. 'Repair-DiskSnapshot {domain.Name} -DetachedOverlay Reattach' reattaches it to the disk, "
            + "'-DetachedOverlay KeepAside' keeps it in another file.")
        .Concat(lost.Where(disk => disk.WhyUseless is not null).Select(disk =>
            $"'{disk.File}' holds what disk '{disk.Record.Target}' of domain '{domain.Name}' wrote after snapshot '{disk.Record.Set!.Name}' of "
            + $"{disk.TakenAt:u}, but {disk.WhyUseless}, as after 'virsh snapshot-revert' or a change of the disk's source. "
            + "Together they may be the newest data: "
            + "to use them, assign the file to the disk with 'virsh edit'. "
            + $"'Repair-DiskSnapshot {domain.Name} -DetachedOverlay KeepAside' renames it, and it is not reported any more."));
}
