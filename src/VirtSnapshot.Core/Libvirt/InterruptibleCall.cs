namespace VirtSnapshot.Libvirt;

/// <summary>
/// A libvirt call cannot be stopped. What can be stopped is waiting for it: the call goes on by itself, its outcome unseen.
/// </summary>
internal static class InterruptibleCall
{
    /// <exception cref="OperationCanceledException">The caller stopped waiting; the call may still take effect.</exception>
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
            // Thrown again below, as what it is.
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

    /// <summary>Waits for a call until something happens after which nobody needs its result.</summary>
    /// <returns>The call's result; null where it has not returned before <paramref name="end"/>, or was not made after it.</returns>
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
/// A call did not return in time and is still running, and its connection is busy until it ends. The catcher first releases what must not wait, through another
/// connection, and then has to wait for the outcome.
/// </summary>
/// <param name="call">The call.</param>
/// <param name="limit">How long it was waited for.</param>
internal sealed class CallTimeoutException(Task call, TimeSpan limit) : Exception($"libvirt did not return within {limit.TotalSeconds:0.##} s")
{
    /// <summary>Waits until the call ends, and throws what it throws.</summary>
    public void WaitForOutcome() => call.GetAwaiter().GetResult();
}
