using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;

namespace VirtSnapshot.Snapshots;

/// <summary>One step of an operation.</summary>
/// <param name="Reached">What is reached when it is done.</param>
/// <param name="Do">Does it.</param>
/// <param name="Undo">
/// Undoes it, however far it came, and returns what could not be undone, and why; null where nothing remains. It is given the error that made it necessary.
/// </param>
internal sealed record OperationStep(RunStep Reached, Action Do, Func<Exception, string?>? Undo = null);

/// <summary>
/// The common shape of all changes of a domain: steps in order, each reported to the observer when it is done. On a failure the begun steps are undone in
/// reverse order, the journal last. What cannot be undone stays in the journal for <see cref="RepairPlan"/>. The session holds the domain's lock.
/// </summary>
/// <param name="session">The domain.</param>
/// <param name="doing">What is being done, as a gerund about the domain: "restoring".</param>
/// <param name="stoppedId">The error id for a run that was stopped and could not be undone.</param>
/// <param name="undone">The sentence about an undone run for the error message.</param>
internal sealed class Operation(DomainSession session, string doing, string stoppedId, string undone)
{
    private bool hasReconnected;

    /// <exception cref="VirtSnapshotException">A step failed; the message says whether all was undone.</exception>
    /// <exception cref="OperationCanceledException">It was stopped and undone.</exception>
    public void Run(IReadOnlyList<OperationStep> steps)
    {
        var begun = new Stack<OperationStep>();
        try
        {
            foreach (var step in steps)
            {
                begun.Push(step);
                step.Do();
                session.Engine.Reached(step.Reached);
            }
        }
        catch (Exception e)
        {
            var remaining = TryUndo(begun, e);
            if (e is OperationCanceledException && remaining is null)
            {
                throw;
            }

            throw Explain(e, remaining);
        }
    }

    /// <summary>The step that writes the journal. Undoing it, after all others, clears the journal.</summary>
    public OperationStep Journal(RunStep reached, Action write) => new(reached, write, error =>
    {
        Reconnect(error);
        if (DomainSession.FindSavedMemory(session.Native, session.Domain, "The journal is kept.") is { } saved)
        {
            return saved.Message.TrimEnd('.');
        }

        RunJournal.Clear(session.Native, session.Domain);
        return null;
    });

    /// <summary>Called before the undo: the old connection may be lost, or an abandoned call may still run on it.</summary>
    public void Reconnect(Exception error)
    {
        if (error is OperationCanceledException && !hasReconnected)
        {
            session.UseAnotherConnection();
        }

        hasReconnected = true;
        session.Reconnect();
    }

    /// <returns>What could not be undone; null when everything is as before.</returns>
    private static string? TryUndo(Stack<OperationStep> begun, Exception error)
    {
        try
        {
            return begun.Select(step => step.Undo?.Invoke(error)).FirstOrDefault(remaining => remaining is not null);
        }
        catch (Exception e)
        {
            // After any error the journal is kept, and the repair can be repeated.
            return e.Message;
        }
    }

    private VirtSnapshotException Explain(Exception error, string? remaining)
    {
        var domain = session.Domain;
        var outcome = remaining is null ? undone : $"It could not be undone yet ({remaining}): run 'Repair-DiskSnapshot {domain.Name}'.";
        return error switch
        {
            VirtSnapshotException known => new VirtSnapshotException(known.Kind, known.ErrorId, known.TargetObject, $"{known.Message} {outcome}", known),
            LibvirtException libvirt => LibvirtFailure.Explain(libvirt, domain, $"{doing} domain '{domain.Name}'", outcome),
            OperationCanceledException => new VirtSnapshotException(
                FailureKind.OperationStopped, stoppedId, domain, $"The command was stopped while {doing} domain '{domain.Name}'. {outcome}", error),
            _ => new VirtSnapshotException(
                FailureKind.NotSpecified, "HostFailure", domain, $"An error occurred while {doing} domain '{domain.Name}': {error.Message}. {outcome}", error),
        };
    }
}
