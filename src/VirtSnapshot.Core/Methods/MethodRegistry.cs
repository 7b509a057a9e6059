using VirtSnapshot.Domains;

namespace VirtSnapshot.Methods;

/// <summary>Chooses a disk's method: what was asked for, else what is configured, else the default for its kind.</summary>
/// <param name="providers">The methods. Of several that suit a disk equally well the first is taken, and the rest are not asked.</param>
internal sealed class MethodRegistry(IReadOnlyList<SnapshotMethod> providers)
{
    public IReadOnlyList<SnapshotMethod> Providers => providers;

    /// <exception cref="VirtSnapshotException"><c>MethodUnknown</c>, <c>MethodUnsuitable</c> or <c>NoMethod</c>, with the reason.</exception>
    public MethodChoice Select(DiskContext candidate, DiskSnapshotMethod? asked)
    {
        if (asked is not null)
        {
            return Explicit(candidate, asked, "asked for");
        }

        return candidate.Disk.Method is { } configured
            ? Explicit(candidate, configured, "configured for this disk")
            : Default(candidate);
    }

    public SnapshotMethod Find(string method, object target) =>
        providers.FirstOrDefault(provider => provider.Method == method)
        ?? throw new VirtSnapshotException(
            FailureKind.NotImplemented,
            "MethodUnknown",
            target,
            $"There is no snapshot method '{method}' here. The methods are: {string.Join(", ", providers.Select(provider => provider.Method))}.");

    /// <summary>What every method could do for a disk, or why not, in the order of preference.</summary>
    public IReadOnlyList<(SnapshotMethod Provider, MethodFit Fit)> ProbeAll(DiskContext candidate) =>
    [
        .. providers.Select(provider => (provider, Fit: Probe(provider, candidate))).OrderByDescending(judged => judged.Fit.Rank),
    ];

    private MethodChoice Default(DiskContext candidate)
    {
        var judged = new List<(SnapshotMethod Provider, MethodFit Fit)>();
        foreach (var provider in providers)
        {
            judged.Add((provider, Probe(provider, candidate)));
            if (judged[^1].Fit.Rank == MethodRank.Default)
            {
                break;
            }
        }

        var (chosen, fit) = judged.MaxBy(candidate => candidate.Fit.Rank);
        return fit.Rank >= MethodRank.Fallback
            ? new MethodChoice(chosen, DiskSnapshotMethod.Parse(chosen.Method), fit.Reason, fit.Level ?? chosen.Level)
            : throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "NoMethod",
                candidate.Disk,
                $"No method can snapshot disk '{candidate.Disk.Target}' of domain '{candidate.Domain.Name}': "
                + string.Join("; ", judged.Select(candidate => $"{candidate.Provider.Method}: {candidate.Fit.Reason}")) + ".");
    }

    private MethodChoice Explicit(DiskContext candidate, DiskSnapshotMethod method, string why)
    {
        var provider = Find(method.Name, candidate.Disk);
        var fit = Probe(provider, candidate, failsWithHost: true);
        return fit.CanServe
            ? new MethodChoice(provider, method, why, fit.Level ?? provider.Level)
            : throw new VirtSnapshotException(
                FailureKind.InvalidOperation,
                "MethodUnsuitable",
                candidate.Disk,
                $"Method '{method.Name}', {why}, cannot snapshot disk '{candidate.Disk.Target}' of domain '{candidate.Domain.Name}': {fit.Reason}.");
    }

    /// <param name="provider">The method.</param>
    /// <param name="candidate">The disk.</param>
    /// <param name="failsWithHost">Whether a host that cannot be looked at is the user's to hear of; else the method is one that cannot serve, and others may.</param>
    private static MethodFit Probe(SnapshotMethod provider, DiskContext candidate, bool failsWithHost = false)
    {
        if (candidate.Disk.WhyNotSnapshottable() is { } why)
        {
            return MethodFit.Impossible(why);
        }

        try
        {
            return provider.Probe(candidate);
        }
        catch (VirtSnapshotException e) when (!(failsWithHost && e.ErrorId is "SudoRefused" or "HostUnreachable" or "HostSilent" or "ProgramMissing"))
        {
            return MethodFit.Impossible($"its storage cannot be looked at ({e.Message.TrimEnd('.')})");
        }
    }
}
