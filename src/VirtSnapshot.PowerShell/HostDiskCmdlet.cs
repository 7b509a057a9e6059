using VirtSnapshot.Domains;

namespace VirtSnapshot.PowerShell;

/// <summary>Base class of commands that query the hosts of disks: each host once, when the pipeline has ended.</summary>
public abstract class HostDiskCmdlet : DiskCmdlet
{
    private readonly DomainGathering<VmDisk> gathered = new();

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        foreach (var host in gathered.Domains.GroupBy(gathered => gathered.Domain.Uri, gathered => new DomainDisks(gathered.Domain, gathered.Items)))
        {
            Attempt(host.Key, () => WriteObject(Query([.. host]), enumerateCollection: true));
        }
    }

    private protected sealed override void Process(ChosenDomain chosen) => gathered.Add(chosen.Domain, chosen.MatchDisks(WriteFailure));

    /// <param name="disks">Disks of one host.</param>
    private protected abstract IEnumerable<object> Query(IReadOnlyList<DomainDisks> disks);
}
