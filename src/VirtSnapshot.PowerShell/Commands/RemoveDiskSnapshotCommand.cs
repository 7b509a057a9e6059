using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.PowerShell.Binding;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell.Commands;

/// <summary>Removes snapshots: the domain no longer needs them, and their files are gone.</summary>
[Cmdlet(VerbsCommon.Remove, "DiskSnapshot", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
public sealed class RemoveDiskSnapshotCommand : SnapshotChoiceCmdlet
{
    private const string ForgetAction = "Take the record, which does not fit this domain or cannot be read, out of its metadata; nothing else is deleted";

    /// <summary>At most this many bytes per second and disk.</summary>
    [Parameter]
    [ValidateRange(1, long.MaxValue)]
    public long Bandwidth { get; set; }

    /// <summary>When to give up.</summary>
    [Parameter]
    [Seconds]
    public TimeSpan? Timeout { get; set; }

    private protected override void Process(VmDomain domain, IReadOnlyList<DiskSnapshot> snapshots)
    {
        // What cannot be done is an error with -WhatIf, too. Nobody is asked while the domain is locked.
        Engine.PlanRemoval(domain, snapshots, Reporter, Cancellation).Dispose();
        Reporter.ThrowHeld();
        IReadOnlyList<DiskSnapshot> confirmed = [.. snapshots.Where(snapshot => ShouldProcess(snapshot.ToString(), snapshot.State is SnapshotState.Foreign or SnapshotState.Damaged ? ForgetAction : "Remove-DiskSnapshot"))];
        if (confirmed.Count > 0)
        {
            Remove(domain, confirmed);
        }
    }

    private void Remove(VmDomain domain, IReadOnlyList<DiskSnapshot> snapshots)
    {
        IReadOnlyList<RemovalResult> results;
        try
        {
            using var plan = Engine.PlanRemoval(domain, snapshots, Reporter, Cancellation);
            Reporter.ThrowHeld();
            results = plan.Run(new RemovalOptions((ulong)Bandwidth, Timeout), Cancellation);
        }
        finally
        {
            Reporter.CompleteProgress();
        }

        foreach (var result in results)
        {
            if (result.Error is { } error)
            {
                WriteFailure(error);
            }
        }
    }
}
