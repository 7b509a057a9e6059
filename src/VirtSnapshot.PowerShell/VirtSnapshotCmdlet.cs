using System.Management.Automation;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.PowerShell;

/// <summary>Base class of all cmdlets: it converts Ctrl+C to a cancellation token, and the engine's exceptions to error records.</summary>
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

    /// <summary>Runs an action for one object. Its failure is a non-terminating error, and the pipeline continues with the next object.</summary>
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

    /// <summary>Runs an action that the whole command needs. Its failure is a terminating error.</summary>
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
            // After Ctrl+C the streams are closed, but the user must still see the message, which says what to do.
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
            // Ctrl+C is no error.
            throw new PipelineStoppedException();
        }
        catch (Exception e) when (e is not (VirtSnapshotException or IContainsErrorRecord))
        {
            // An unexpected exception is terminating, since the next object may fail as well. PowerShell's own exceptions have an error record.
            ThrowTerminatingError(new ErrorRecord(e, "Unexpected", ErrorCategory.NotSpecified, target));
        }
        finally
        {
            reporter?.ThrowHeld();
        }
    }
}
