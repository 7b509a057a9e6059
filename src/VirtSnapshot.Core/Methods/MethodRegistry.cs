using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods;

/// <summary>The known methods. It chooses a disk's method: the requested one, else the configured one, else the default for its kind.</summary>
/// <param name="methods">The methods. Of several that suit a disk equally well the first is taken, and the rest are not probed.</param>
internal sealed class MethodRegistry(IReadOnlyList<SnapshotMethod> methods)
{
    public IReadOnlyList<SnapshotMethod> Methods => methods;

    /// <summary>The methods whose snapshots can lose their place in a domain's definition.</summary>
    public IEnumerable<IOverlayMethod> OverlayMethods => methods.OfType<IOverlayMethod>();

    /// <summary>The method that makes temporary overlays: see <see cref="MethodTraits.ServesAsTemporaryOverlay"/>.</summary>
    /// <exception cref="VirtSnapshotException"><c>MethodUnknown</c>: none of the methods can.</exception>
    public SnapshotMethod TemporaryOverlay => methods.FirstOrDefault(method => method.Traits.ServesAsTemporaryOverlay) ?? throw new VirtSnapshotException(
        FailureKind.NotImplemented, "MethodUnknown", null, "None of the snapshot methods here can make temporary overlays.");

    /// <exception cref="VirtSnapshotException"><c>MethodUnknown</c>, <c>MethodUnsuitable</c> or <c>NoMethod</c>, with the reason.</exception>
    public SnapshotTarget Select(DiskContext disk, DiskSnapshotMethod? asked)
    {
        if (asked is not null)
        {
            return Explicit(disk, asked, "asked for");
        }

        return disk.Disk.Method is { } configured
            ? Explicit(disk, configured, "configured for this disk")
            : Default(disk);
    }

    public SnapshotMethod? TryFind(string name) => methods.FirstOrDefault(method => method.Name == name);

    /// <exception cref="VirtSnapshotException"><c>MethodUnknown</c></exception>
    public SnapshotMethod Find(string name, object target) => TryFind(name) ?? throw new VirtSnapshotException(
        FailureKind.NotImplemented,
        "MethodUnknown",
        target,
        $"There is no snapshot method '{name}' here. The methods are: {string.Join(", ", methods.Select(method => method.Name))}.");

    /// <summary>What every method could do for a disk, or why not, in the order of preference.</summary>
    public IReadOnlyList<(SnapshotMethod Method, MethodFit Fit)> ProbeAll(DiskContext disk) =>
    [
        .. methods.Select(method => (method, Fit: Probe(method, disk))).OrderByDescending(probed => probed.Fit.Rank),
    ];

    private SnapshotTarget Default(DiskContext disk)
    {
        var probed = new List<(SnapshotMethod Method, MethodFit Fit)>();
        foreach (var method in methods)
        {
            probed.Add((method, Probe(method, disk)));
            if (probed[^1].Fit.Rank == MethodRank.Default)
            {
                break;
            }
        }

        var (chosen, fit) = probed.MaxBy(one => one.Fit.Rank);
        return fit.Rank >= MethodRank.Fallback
            ? new SnapshotTarget(disk, chosen, DiskSnapshotMethod.Parse(chosen.Name), fit, fit.Reason)
            : throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "NoMethod",
                disk.Disk,
                $"No method can snapshot disk '{disk.Disk.Target}' of domain '{disk.Domain.Name}': "
                + string.Join("; ", probed.Select(one => $"{one.Method.Name}: {one.Fit.Reason}")) + ".");
    }

    private SnapshotTarget Explicit(DiskContext disk, DiskSnapshotMethod settings, string why)
    {
        var method = Find(settings.Name, disk.Disk);
        var fit = Probe(method, disk, failsWithHost: true);
        return fit.CanServe
            ? new SnapshotTarget(disk, method, settings, fit, why)
            : throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "MethodUnsuitable",
                disk.Disk,
                $"Method '{settings.Name}', {why}, cannot snapshot disk '{disk.Disk.Target}' of domain '{disk.Domain.Name}': {fit.Reason}.");
    }

    /// <param name="method">The method.</param>
    /// <param name="disk">The disk.</param>
    /// <param name="failsWithHost">Whether it is an error that the host cannot be examined; else the method is one that cannot serve, and others may.</param>
    private static MethodFit Probe(SnapshotMethod method, DiskContext disk, bool failsWithHost = false)
    {
        if (disk.Disk.WhyNotSnapshottable() is { } why)
        {
            return MethodFit.Impossible(why);
        }

        try
        {
            return method.Probe(disk);
        }
        catch (VirtSnapshotException e) when (!(failsWithHost && e.ErrorId is "SudoRefused" or "HostUnreachable" or "HostSilent" or "ProgramMissing"))
        {
            return MethodFit.Impossible($"its storage cannot be looked at ({e.Message.TrimEnd('.')})");
        }
    }
}
