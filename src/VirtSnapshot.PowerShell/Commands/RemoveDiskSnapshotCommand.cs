using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.PowerShell.Binding;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell.Commands;

/// <summary>Removes snapshots: merges them if the domain depends on them, and deletes their data.</summary>
[Cmdlet(VerbsCommon.Remove, "DiskSnapshot", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
public sealed class RemoveDiskSnapshotCommand : SnapshotChoiceCmdlet
{
    private const string ForgetAction = "Remove only the record, which cannot be read or does not belong to this domain, from the domain's metadata";

    /// <summary>The maximum merge rate in bytes per second and disk.</summary>
    [Parameter]
    [ValidateRange(1, long.MaxValue)]
    public long Bandwidth { get; set; }

    /// <summary>The time limit.</summary>
    [Parameter]
    [Seconds]
    public TimeSpan? Timeout { get; set; }

    private protected override void Process(VmDomain domain, IReadOnlyList<DiskSnapshot> snapshots)
    {
        // The plan reports errors also with -WhatIf. It is disposed of before the prompt, so that the domain is not locked meanwhile.
        Engine.PlanRemoval(domain, snapshots, Reporter, Cancellation).Dispose();
        Reporter.ThrowHeld();
        IReadOnlyList<DiskSnapshot> confirmed = [.. snapshots.Where(IsConfirmed)];
        if (confirmed.Count > 0)
        {
            Remove(domain, confirmed);
        }
    }

    private bool IsConfirmed(DiskSnapshot snapshot) =>
        ShouldProcess(snapshot.ToString(), snapshot.State is SnapshotState.Foreign or SnapshotState.Damaged ? ForgetAction : "Remove-DiskSnapshot");

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
