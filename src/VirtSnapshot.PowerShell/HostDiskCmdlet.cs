using VirtSnapshot.Domains;

namespace VirtSnapshot.PowerShell;

/// <summary>A command about disks that looks at their hosts: at each of them once, when the pipeline has brought all disks.</summary>
public abstract class HostDiskCmdlet : DiskCmdlet
{
    private readonly DomainGathering<VmDisk> gathered = new();

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        foreach (var host in gathered.Domains.GroupBy(gathered => gathered.Domain.Uri, gathered => new DomainDisks(gathered.Domain, gathered.Items)))
        {
            Attempt(host.Key, () => WriteObject(Look([.. host]), enumerateCollection: true));
        }
    }

    private protected sealed override void Process(ChosenDomain chosen) => gathered.Add(chosen.Domain, chosen.MatchDisks(WriteFailure));

    /// <param name="disks">Disks of one host.</param>
    private protected abstract IEnumerable<object> Look(IReadOnlyList<DomainDisks> disks);
}
