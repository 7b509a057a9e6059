namespace VirtSnapshot.Libvirt;

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
