using System.Management.Automation;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell;

/// <summary>What every cmdlet here repeats: Ctrl+C as a cancellation token, and the engine's failures as error records.</summary>
public abstract class VirtSnapshotCmdlet : PSCmdlet, IDisposable
{
    /// <summary>One engine per process, so that methods registered by one command are available to the next.</summary>
    internal static readonly SnapshotEngine Engine = new();

    private readonly CancellationTokenSource stopping = new();
    private PipelineReporter? reporter;

    /// <summary>Cancelled by Ctrl+C.</summary>
    private protected CancellationToken Cancellation => stopping.Token;

    private protected PipelineReporter Reporter => reporter ??= new PipelineReporter(this);

    /// <inheritdoc/>
    public void Dispose()
    {
        stopping.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <inheritdoc/>
    protected override void StopProcessing() => stopping.Cancel();

    /// <summary>Does something for one object: its failure is one error, and the pipeline goes on with the next.</summary>
    private protected void Attempt(object? target, Action action)
    {
        try
        {
            Run(target, action);
        }
        catch (VirtSnapshotException e)
        {
            WriteFailure(e);
        }
    }

    /// <summary>Does something without which the whole command makes no sense: its failure ends it.</summary>
    private protected void Require(Action action)
    {
        try
        {
            Run(null, action);
        }
        catch (VirtSnapshotException e)
        {
            ThrowTerminatingError(ToRecord(e));
        }
    }

    private protected void WriteFailure(VirtSnapshotException failure)
    {
        if (stopping.IsCancellationRequested)
        {
            // The streams are closed by now, and whoever pressed Ctrl+C must still hear how to go on.
            Host?.UI?.WriteWarningLine(failure.Message);
            return;
        }

        WriteError(ToRecord(failure));
    }

    private static ErrorRecord ToRecord(VirtSnapshotException failure) => new(
        failure,
        failure.ErrorId,
        Enum.TryParse<ErrorCategory>(failure.Kind.ToString(), out var category) ? category : ErrorCategory.NotSpecified,
        failure.TargetObject);

    private void Run(object? target, Action action)
    {
        try
        {
            action();
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // Whoever pressed Ctrl+C knows it.
            throw new PipelineStoppedException();
        }
        catch (Exception e) when (e is not (VirtSnapshotException or IContainsErrorRecord))
        {
            // Nobody has foreseen it, so nobody knows whether the next object is safe. PowerShell's own bring their record along.
            ThrowTerminatingError(new ErrorRecord(e, "Unexpected", ErrorCategory.NotSpecified, target));
        }
        finally
        {
            reporter?.ThrowHeld();
        }
    }
}
