namespace VirtSnapshot.Libvirt;

/// <summary>
/// A libvirt call cannot be cancelled. Only the wait for it can: the call then continues and its outcome is ignored.
/// </summary>
internal static class InterruptibleCall
{
    /// <exception cref="OperationCanceledException">The wait was cancelled; the call may still take effect.</exception>
    public static T Run<T>(Func<T> call, CancellationToken cancellation)
    {
        if (!cancellation.CanBeCanceled)
        {
            return call();
        }

        cancellation.ThrowIfCancellationRequested();
        var task = Start(call);
        try
        {
            task.Wait(cancellation);
        }
        catch (AggregateException)
        {
            // Rethrown below without the wrapper.
        }
        catch (OperationCanceledException)
        {
            _ = task.ContinueWith(static late => _ = late.Exception, TaskScheduler.Default);
            throw;
        }

        return task.GetAwaiter().GetResult();
    }

    /// <exception cref="CallTimeoutException">The call has not returned within <paramref name="limit"/>.</exception>
    public static void RunWithin(TimeSpan limit, Action call)
    {
        var task = Start(() =>
        {
            call();
            return true;
        });
        if (Task.WaitAny([task], limit) < 0)
        {
            throw new CallTimeoutException(task, limit);
        }

        task.GetAwaiter().GetResult();
    }

    /// <summary>Waits for a call, at most until <paramref name="end"/> completes.</summary>
    /// <returns>The call's result; null if <paramref name="end"/> completed first. If it had completed before, the call is not made.</returns>
    public static T? RunUntil<T>(Task end, Func<T> call)
        where T : struct
    {
        if (end.IsCompleted)
        {
            return null;
        }

        var task = Start(call);
        Task.WaitAny(task, end);
        if (task.IsCompleted)
        {
            return task.GetAwaiter().GetResult();
        }

        _ = task.ContinueWith(static late => _ = late.Exception, TaskScheduler.Default);
        return null;
    }

    private static Task<T> Start<T>(Func<T> call) => Task.Factory.StartNew(
        call, CancellationToken.None, TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach, TaskScheduler.Default);
}

/// <summary>
/// A call did not return in time. It is still running, and its connection is busy until it ends. The handler first thaws or resumes the
/// guest through another connection, and then waits for the outcome.
/// </summary>
/// <param name="call">The call.</param>
/// <param name="limit">The time limit.</param>
internal sealed class CallTimeoutException(Task call, TimeSpan limit) : Exception($"libvirt did not return within {limit.TotalSeconds:0.##} s")
{
    /// <summary>Waits until the call ends, and rethrows its exception.</summary>
    public void WaitForOutcome() => call.GetAwaiter().GetResult();
}
