using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Methods;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Snapshots;

/// <summary>The <c>&lt;diskSnapshot&gt;</c> elements kept with a domain, in its running and its stored definition.</summary>
public static class MethodSettings
{
    /// <summary>Each chosen disk's method. Disks that no method can snapshot say so.</summary>
    /// <exception cref="VirtSnapshotException"><c>DiskNotFound</c>.</exception>
    public static IReadOnlyList<DiskMethodSetting> Get(VmDomain domain, IReadOnlyList<DiskSelector> disks) =>
        [.. Candidates(domain, Match(domain, disks)).Select(Describe)];

    /// <summary>Configures a method for the chosen disks.</summary>
    /// <exception cref="VirtSnapshotException"><c>DiskNotFound</c>, <c>MethodUnknown</c>, <c>MethodUnsuitable</c>, <c>MetadataFull</c>; nothing was changed.</exception>
    public static IReadOnlyList<DiskMethodSetting> Set(VmDomain domain, IReadOnlyList<DiskSelector> disks, DiskSnapshotMethod method)
    {
        ArgumentNullException.ThrowIfNull(method);
        return Change(domain, disks, (native, now, disk) =>
        {
            _ = MethodCatalog.Selector.Select(Candidates(now, [disk])[0], method);
            return () => MetadataRecord.Write(native, now, MetadataUri.Method(disk.Target), new XElement("method", method.ToElement()));
        });
    }

    /// <summary>Lets the chosen disks use their default again.</summary>
    /// <exception cref="VirtSnapshotException"><c>DiskNotFound</c>; nothing was changed.</exception>
    public static IReadOnlyList<DiskMethodSetting> Reset(VmDomain domain, IReadOnlyList<DiskSelector> disks) =>
        Change(domain, disks, (native, now, disk) => () => MetadataRecord.Delete(native, now, MetadataUri.Method(disk.Target)));

    private static IReadOnlyList<DiskMethodSetting> Change(
        VmDomain domain, IReadOnlyList<DiskSelector> selectors, Func<LibvirtDomain, VmDomain, VmDisk, Action> prepare) =>
        DomainSession.Guarded(domain, "changing a disk's method", () =>
        {
            using var native = DomainFinder.Open(domain);
            var before = DomainReader.Read(native);
            var disks = Match(before, selectors, leaveOutUnsuitable: true);
            var changes = disks.Select(disk => prepare(native, before, disk)).ToList();
            changes.ForEach(change => change());
            return Get(DomainReader.Read(native), [.. disks.Select(disk => DiskSelector.Parse(disk.Target))]);
        });

    /// <summary>A wildcard means the disks that can be snapshotted, where something is to be changed for them.</summary>
    private static List<VmDisk> Match(VmDomain domain, IReadOnlyList<DiskSelector> selectors, bool leaveOutUnsuitable = false)
    {
        ArgumentNullException.ThrowIfNull(domain);
        ArgumentNullException.ThrowIfNull(selectors);
        return selectors.Count == 0
            ? [.. domain.Disks]
            :
            [
                .. selectors
                    .SelectMany(selector => selector.Match(domain)
                        .Where(disk => !(leaveOutUnsuitable && (selector.IsPattern || selector.IsOneOfMany)) || disk.WhyNotSnapshottable() is null))
                    .DistinctBy(disk => disk.Target),
            ];
    }

    private static IReadOnlyList<CandidateDisk> Candidates(VmDomain domain, IReadOnlyList<VmDisk> disks)
    {
        var storage = new StorageProbe(() => HostFinder.For(domain), disks);
        return [.. disks.Select(disk => new CandidateDisk(domain, disk, storage))];
    }

    private static DiskMethodSetting Describe(CandidateDisk candidate)
    {
        var (domain, disk) = (candidate.Domain, candidate.Disk);
        try
        {
            var choice = MethodCatalog.Selector.Select(candidate, null);
            return new DiskMethodSetting(domain.Name, disk.Target, choice.Method.Name, disk.Method is null, choice.Reason, choice.Method.Xml, domain.Uri);
        }
        catch (VirtSnapshotException e)
        {
            return new DiskMethodSetting(domain.Name, disk.Target, disk.Method?.Name, disk.Method is null, e.Message, disk.Method?.Xml, domain.Uri);
        }
    }
}
