using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods;

/// <summary>Chooses a disk's method: what was asked for, else what is configured, else the default for its kind.</summary>
internal sealed class MethodSelector(IReadOnlyList<ISnapshotProvider> providers)
{
    public IReadOnlyList<ISnapshotProvider> Providers => providers;

    /// <exception cref="VirtSnapshotException"><c>MethodUnknown</c>, <c>MethodUnsuitable</c> or <c>NoMethod</c>, with the reason.</exception>
    public MethodChoice Select(VmDomain domain, VmDisk disk, DiskSnapshotMethod? asked)
    {
        if (asked is not null)
        {
            return Explicit(domain, disk, asked, "asked for");
        }

        return disk.Method is { } configured
            ? Explicit(domain, disk, configured, "configured for this disk")
            : Default(domain, disk);
    }

    public ISnapshotProvider Find(string method, object target) =>
        providers.FirstOrDefault(provider => provider.Method == method)
        ?? throw new VirtSnapshotException(
            FailureKind.NotImplemented,
            "MethodUnknown",
            target,
            $"There is no snapshot method '{method}' here. The methods are: {string.Join(", ", providers.Select(provider => provider.Method))}.");

    public MethodChoice Default(VmDomain domain, VmDisk disk)
    {
        var judged = providers.Select(provider => (Provider: provider, Fit: provider.Judge(domain, disk))).ToList();
        var (chosen, fit) = judged.Find(candidate => candidate.Fit is { CanServe: true, IsDefault: true });
        return chosen is not null
            ? new MethodChoice(chosen, DiskSnapshotMethod.Parse(chosen.Method), fit.Reason)
            : throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "NoMethod",
                disk,
                $"No method can snapshot disk '{disk.Target}' of domain '{domain.Name}': "
                + string.Join("; ", judged.Select(candidate => $"{candidate.Provider.Method}: {candidate.Fit.Reason}")) + ".");
    }

    private MethodChoice Explicit(VmDomain domain, VmDisk disk, DiskSnapshotMethod method, string why)
    {
        var provider = Find(method.Name, disk);
        var fit = provider.Judge(domain, disk);
        return fit.CanServe
            ? new MethodChoice(provider, method, why)
            : throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "MethodUnsuitable",
                disk,
                $"Method '{method.Name}', {why}, cannot snapshot disk '{disk.Target}' of domain '{domain.Name}': {fit.Reason}.");
    }
}
