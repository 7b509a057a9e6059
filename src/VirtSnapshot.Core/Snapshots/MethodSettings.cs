using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Methods;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Snapshots;

/// <summary>The <c>&lt;diskSnapshot&gt;</c> elements kept with a domain, in its running and its stored definition.</summary>
public sealed class MethodSettings
{
    private readonly SnapshotEngine engine;

    internal MethodSettings(SnapshotEngine engine) => this.engine = engine;

    /// <summary>Each disk's method, or why no method can snapshot it.</summary>
    /// <param name="disks">Disks of one host's domains: the host is queried once for all of them.</param>
    public IReadOnlyList<DiskMethodSetting> Get(IReadOnlyList<DomainDisks> disks) => [.. Contexts(disks).Select(Describe)];

    /// <summary>For each disk whether each method suits, and why: first the one that would be used, then the others in the order of preference.</summary>
    /// <param name="disks">Disks of one host's domains: the host is queried once for all of them.</param>
    public IReadOnlyList<DiskMethodOption> GetOptions(IReadOnlyList<DomainDisks> disks) => [.. Contexts(disks).SelectMany(Options)];

    /// <summary>Configures a method for the chosen disks.</summary>
    /// <exception cref="VirtSnapshotException">
    /// <c>DiskNotFound</c>, <c>MethodUnknown</c>, <c>MethodUnsuitable</c>, <c>MetadataFull</c>; nothing was changed.
    /// </exception>
    public IReadOnlyList<DiskMethodSetting> Set(VmDomain domain, IReadOnlyList<DiskSelector> disks, DiskSnapshotMethod method)
    {
        ArgumentNullException.ThrowIfNull(method);
        return Change(domain, disks, (native, now, disk) =>
        {
            var context = Contexts([new DomainDisks(now, [disk])]).Single();
            RefuseWrongData(native, now, engine.Methods.Select(context, method));
            return () => MetadataRecord.Write(native, now, MetadataUri.Method(disk.Target), new XElement("method", method.ToElement()));
        });
    }

    /// <summary>Lets the chosen disks use their default again.</summary>
    /// <exception cref="VirtSnapshotException"><c>DiskNotFound</c>; nothing was changed.</exception>
    public IReadOnlyList<DiskMethodSetting> Reset(VmDomain domain, IReadOnlyList<DiskSelector> disks) =>
        Change(domain, disks, (native, now, disk) => () => MetadataRecord.Delete(native, now, MetadataUri.Method(disk.Target)));

    private IReadOnlyList<DiskMethodSetting> Change(
        VmDomain domain, IReadOnlyList<DiskSelector> selectors, Func<LibvirtDomain, VmDomain, VmDisk, Action> prepare) =>
        DomainSession.Guarded(domain, "changing a disk's method", () =>
        {
            using var native = DomainFinder.Open(domain);
            var before = DomainReader.Read(native);
            DomainJobs.Refuse(native, before, CancellationToken.None);
            var disks = Match(before, selectors, leaveOutUnsuitable: true);
            var changes = disks.Select(disk => prepare(native, before, disk)).ToList();
            changes.ForEach(change => change());
            var after = DomainReader.Read(native);
            return Get([new DomainDisks(after, [.. disks.Select(disk => after.FindDisk(disk.Target)).OfType<VmDisk>()])]);
        });

    /// <summary>Reports an invalid size at once, not when the next snapshot is taken.</summary>
    private void RefuseWrongData(LibvirtDomain native, VmDomain domain, SnapshotTarget target)
    {
        var request = new PlanRequest(
            native,
            domain,
            HostFinder.For(native.Connection, domain),
            SetIdentity.New(domain.Uuid, SnapshotName.ForTime(engine.Now)),
            [target],
            overlayDirectory: null,
            recorded: [],
            warn: static _ => { });
        try
        {
            _ = target.Method.Plan(request);
        }
        catch (VirtSnapshotException e) when (e.ErrorId != "MethodUnsuitable")
        {
            // A current obstacle need not exist when the snapshot is taken.
        }
    }

    /// <summary>For changes a wildcard selects only disks that can be snapshotted.</summary>
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

    private static IEnumerable<DiskContext> Contexts(IReadOnlyList<DomainDisks> domains)
    {
        ArgumentNullException.ThrowIfNull(domains);
        var storage = new StorageProbe(() => HostFinder.For(domains[0].Domain.Uri, domains[0].Domain), [.. domains.SelectMany(domain => domain.Disks)]);
        return domains.SelectMany(domain => domain.Disks.Select(disk => new DiskContext(domain.Domain, disk, storage)));
    }

    private DiskMethodSetting Describe(DiskContext context)
    {
        var (domain, disk) = (context.Domain, context.Disk);
        try
        {
            var choice = engine.Methods.Select(context, null);
            return new DiskMethodSetting(domain.Name, disk.Target, choice.Settings.Name, disk.Method is null, choice.Reason, choice.Settings.Xml, domain.Uri);
        }
        catch (VirtSnapshotException e)
        {
            return new DiskMethodSetting(domain.Name, disk.Target, disk.Method?.Name, disk.Method is null, e.Message, disk.Method?.Xml, domain.Uri);
        }
    }

    private IEnumerable<DiskMethodOption> Options(DiskContext context)
    {
        var (domain, disk) = (context.Domain, context.Disk);
        DiskMethodOption Option(string? method, StorageLevel? level, bool isChosen, bool canServe, string reason) =>
            new(domain.Name, disk.Target, method, level, isChosen, canServe, reason + ".", domain.Uri);
        if (disk.WhyNotSnapshottable() is { } why)
        {
            return [Option(null, null, false, false, $"No method can snapshot it: {why}")];
        }

        var judged = engine.Methods.ProbeAll(context);
        var configured = disk.Method?.Name;

        // As in the selector: where a method is configured, no other is used.
        var chosen = configured ?? judged.Where(one => one.Fit.Rank >= MethodRank.Fallback).Select(one => one.Method.Name).FirstOrDefault();
        var options = judged
            .Select(one => (Method: one.Method.Name, Level: one.Fit.Level ?? one.Method.Traits.Level, one.Fit, IsMeant: one.Method.Name == chosen))
            .OrderByDescending(one => one.IsMeant)
            .Select(one => Option(one.Method, one.Level, one.IsMeant && one.Fit.CanServe, one.Fit.CanServe, (one.Fit.CanServe, one.IsMeant, configured) switch
            {
                (true, true, null) => $"Used by default: {one.Fit.Reason}",
                (true, true, _) => $"Configured for this disk: {one.Fit.Reason}",
                (true, false, _) => $"Used on request: {one.Fit.Reason}",
                (false, true, _) => $"Configured for this disk, but it cannot snapshot it: {one.Fit.Reason}",
                _ => $"It cannot snapshot this disk: {one.Fit.Reason}",
            }));
        return configured is null || judged.Any(one => one.Method.Name == configured)
            ? options
            : options.Prepend(Option(configured, null, false, false, "Configured for this disk, but there is no such method here"));
    }
}
