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
        var task = Task.Factory.StartNew(
            call, CancellationToken.None, TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach, TaskScheduler.Default);
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
}
