using System.Diagnostics;
using System.Globalization;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;

namespace VirtSnapshot.Quiescing;

/// <summary>
/// One domain's freeze window: checks the agent, freezes, runs the atomic act, and thaws on every path. If the thaw is not
/// confirmed, the guard continues to thaw.
/// </summary>
internal sealed class Freezer : IDisposable
{
    /// <summary>The event of a reset may arrive after the agent error that the reset causes.</summary>
    private static readonly TimeSpan ResetEventTime = TimeSpan.FromSeconds(1);

    private readonly LibvirtDomain native;

    /// <summary>A connection only for the thaw: after a timeout, the act still uses the run's own connection.</summary>
    private readonly Task<LibvirtDomain> thawing;

    private readonly VmDomain domain;
    private readonly QuiesceOptions options;
    private readonly FreezeGuard guard;
    private readonly AgentQuery agent;
    private TaskCompletionSource reset = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool isGuardNeeded = true;
    private bool isFreezePending;

    private Freezer(LibvirtDomain native, VmDomain domain, QuiesceOptions options, FreezeGuard guard)
    {
        this.native = native;
        this.domain = domain;
        this.options = options;
        this.guard = guard;
        agent = new AgentQuery(native, domain, options);
        thawing = Task.Run(() => DomainFinder.Open(domain));
    }

    /// <summary>The guest's file systems with their disks; read only if mount points were given.</summary>
    public IReadOnlyList<GuestFileSystem> FileSystems { get; private set; } = [];

    /// <summary>Checks that the agent responds, and starts the guard.</summary>
    /// <exception cref="QuiesceUnavailableException">The agent does not respond, or the guard cannot be started.</exception>
    /// <exception cref="VirtSnapshotException">
    /// <c>GuestAlreadyFrozen</c> (another client has frozen it, and it stays frozen) or <c>MountPointNotFound</c>. Nothing was touched.
    /// </exception>
    public static Freezer Prepare(
        LibvirtDomain native, VmDomain domain, IHost host, SpareGuards spares, QuiesceOptions options, CancellationToken cancellation)
    {
        if (domain.GuestAgent != GuestAgentState.Connected)
        {
            throw QuiesceUnavailableException.NotConnected(domain);
        }

        var freezer = new Freezer(native, domain, options, FreezeGuard.Start(host, spares, domain, options.FreezeTimeout));
        try
        {
            freezer.FileSystems = freezer.agent.Probe(cancellation);
            return freezer;
        }
        catch (Exception e)
        {
            freezer.Dispose();
            if (e is OperationCanceledException)
            {
                native.Abandon();
            }

            throw;
        }
    }

    /// <summary>Waits for the guard and for the connection for the thaw. It is the last step before the freeze that can fail.</summary>
    /// <exception cref="QuiesceUnavailableException">There is no guard, or no connection for the thaw.</exception>
    public void WaitForGuard()
    {
        guard.WaitUntilReady();
        try
        {
            _ = thawing.GetAwaiter().GetResult();
        }
        catch (VirtSnapshotException e)
        {
            throw QuiesceUnavailableException.NoConnection(e);
        }

        // The guard has set it, too, but the shorter timeout of ProbeAgent may have replaced it.
        native.SetAgentTimeout(FreezeGuard.WholeSeconds(options.FreezeTimeout));
    }

    /// <summary>Freezes, runs the act, and thaws also if the act fails.</summary>
    /// <param name="act">The atomic act. Its exception is rethrown after the thaw.</param>
    /// <param name="actUnfrozen">Called instead, with the reason, if the freeze fails and is not required.</param>
    /// <param name="cancellation">Cancels the wait for the freeze.</param>
    /// <exception cref="VirtSnapshotException"><c>FreezeFailed</c>, <c>FreezeTimedOut</c> or <c>GuestAlreadyFrozen</c>; the act was not called.</exception>
    /// <exception cref="OperationCanceledException">Cancelled during the freeze; the guard thaws. The act was not called.</exception>
    public FreezeOutcome? Around(Action act, Action<string> actUnfrozen, CancellationToken cancellation)
    {
        var stopListening = ListenToResets();
        try
        {
            return FreezeAndAct(act, actUnfrozen, cancellation);
        }
        finally
        {
            if (isFreezePending)
            {
                // The connection is busy until the freeze call ends.
                _ = Task.Run(stopListening, CancellationToken.None);
            }
            else
            {
                stopListening();
            }
        }
    }

    /// <summary>
    /// Whether all file systems of a disk were frozen. A file system whose disk the agent does not report (such as one on LVM in the guest) may
    /// be on any disk.
    /// </summary>
    public bool WasWhollyFrozen(string target) => options.MountPoints.Count == 0
        || FileSystems.Where(system => system.Targets.Count == 0 || system.Targets.Contains(target))
            .All(system => options.MountPoints.Contains(system.MountPoint));

    /// <summary>If the guard was not dismissed, it thaws if a freeze was announced, and resets the agent's timeout.</summary>
    public void Dispose()
    {
        if (isGuardNeeded)
        {
            guard.Dispose();
        }
        else
        {
            guard.MakeSpare();
        }

        _ = thawing.ContinueWith(
            static opened =>
            {
                if (opened.IsCompletedSuccessfully)
                {
                    opened.Result.Dispose();
                }
            },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    private Action ListenToResets()
    {
        try
        {
            return native.ListenToResets(() => reset.TrySetResult());
        }
        catch (LibvirtException)
        {
            // The driver lacks this event. A reset then only shows as an agent that does not respond.
            return static () => { };
        }
    }

    private FreezeOutcome? FreezeAndAct(Action act, Action<string> actUnfrozen, CancellationToken cancellation)
    {
        int frozen;
        guard.AnnounceFreeze();
        var window = Stopwatch.StartNew();
        try
        {
            frozen = InterruptibleCall.Run(
                () => native.Freeze(options.MountPoints.Count == 0 ? null : options.MountPoints), cancellation);
        }
        catch (LibvirtException e)
        {
            var failure = AfterFailedFreeze(e, window.Elapsed);
            if (options.Quiescence == Quiescence.Required)
            {
                throw failure;
            }

            actUnfrozen(failure.Message);
            return null;
        }
        catch (OperationCanceledException)
        {
            // The freeze may still take effect: the guard must thaw now, not after the undo.
            isFreezePending = true;
            guard.Dispose();
            native.Abandon();
            throw;
        }
        catch
        {
            // It is unknown whether the guest is frozen.
            guard.Dispose();
            throw;
        }

        if (reset.Task.IsCompleted)
        {
            // A reset before the end of the freeze call did not end the freeze: the guest was frozen after its reboot.
            reset = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        CallTimeoutException? late = null;
        Exception? thrown = null;
        try
        {
            act();
        }
        catch (CallTimeoutException e)
        {
            late = e;
        }
        catch (Exception e)
        {
            thrown = e;
        }

        var doubt = Thaw(frozen);
        window.Stop();
        if (thrown is not null)
        {
            throw Failed(thrown, window.Elapsed);
        }

        if (late is not null)
        {
            WaitFor(late, window.Elapsed);
            doubt = doubt is null ? $"{late.Message}, so the guest was thawed before the snapshot was taken" : $"{late.Message}, and {doubt}";
        }

        return new FreezeOutcome(window.Elapsed, doubt);
    }

    /// <summary>Determines whether the guest is frozen after a failed freeze call. If that is unknown, the guard thaws.</summary>
    private VirtSnapshotException AfterFailedFreeze(LibvirtException error, TimeSpan elapsed)
    {
        if (!error.IsUnanswered)
        {
            // The agent has replied that it froze nothing. If the guest is frozen nevertheless, another client has frozen it; or this freeze has, and
            // its reply was lost. A reply of the agent contains the command's name, in every language.
            var status = agent.Status();
            if (status == "frozen" && error.Message.Contains("guest-fsfreeze-freeze", StringComparison.Ordinal))
            {
                Dismiss(native);
                throw agent.AlreadyFrozen(error);
            }

            if (status == "thawed")
            {
                Dismiss(native);
            }
            else
            {
                guard.Dispose();
            }

            return new VirtSnapshotException(
                FailureKind.ResourceUnavailable,
                "FreezeFailed",
                domain,
                $"The guest of domain '{domain.Name}' could not be frozen: {error.Message}. "
                + (isGuardNeeded
                    ? $"It is unknown whether it is frozen: a guard ({guard}) thaws it repeatedly until the agent confirms."
                    : "It is not frozen."),
                error);
        }

        // When its stdin closes, the guard starts to thaw.
        guard.Dispose();
        return new VirtSnapshotException(
            FailureKind.OperationTimeout,
            "FreezeTimedOut",
            domain,
            $"The guest of domain '{domain.Name}' did not confirm the freeze ({error.Message.TrimEnd('.')}, after {elapsed.TotalSeconds:0.0} s). "
            + (WasReset(error) ? "The guest was reset during the call. " : "")
            + $"The freeze may still take effect: a guard ({guard}) thaws the guest repeatedly until the agent confirms.",
            error);
    }

    private void WaitFor(CallTimeoutException late, TimeSpan frozen)
    {
        try
        {
            late.WaitForOutcome();
        }
        catch (Exception e)
        {
            throw Failed(e, frozen);
        }
    }

    /// <summary>The error of an act that failed while the guest was frozen, with the end of the freeze.</summary>
    private VirtSnapshotException Failed(Exception error, TimeSpan frozen)
    {
        var known = WindowFailure.Explain(error, domain);
        var end = reset.Task.IsCompleted ? ", until it was reset; it is no longer frozen"
            : isGuardNeeded ? $", and its thaw is not confirmed: a guard ({guard}) thaws it repeatedly until the agent confirms"
            : "";
        return new VirtSnapshotException(
            known.Kind,
            known.ErrorId,
            known.TargetObject,
            string.Create(CultureInfo.InvariantCulture, $"{known.Message.TrimEnd()} The guest was frozen for {frozen.TotalSeconds:0.0} s{end}."),
            known);
    }

    /// <summary>Whether an agent did not respond because the guest was reset.</summary>
    private bool WasReset(LibvirtException error) => error is { IsUnanswered: true, ConnectionLost: false } && reset.Task.Wait(ResetEventTime);

    /// <returns>Why it is uncertain that everything stayed frozen until now, as a clause; null if it is certain.</returns>
    private string? Thaw(int frozen)
    {
        var connected = thawing.Result;
        int? thawed;
        try
        {
            thawed = InterruptibleCall.RunUntil(reset.Task, connected.Thaw);
        }
        catch (LibvirtException e) when (WasReset(e))
        {
            thawed = null;
        }
        catch (Exception e)
        {
            // When its stdin closes, the guard starts to thaw.
            guard.Dispose();
            return $"the thaw was not confirmed ({e.Message}); a guard ({guard}) thaws the guest repeatedly until the agent confirms";
        }

        if (thawed is null)
        {
            // A freeze is a state of the guest's kernel, which a reset ends. The agent is not queried: libvirt would wait until the guest has booted.
            connected.Abandon();
            isGuardNeeded = false;
            guard.ConfirmReset();
            guard.Dispose();
            return "the guest was reset while it was frozen, which ended the freeze: it is no longer frozen";
        }

        // Immediately: from now on, a freeze is one of another client.
        Dismiss(connected);
        return (frozen, thawed) switch
        {
            (0, _) => "the agent found no file system to freeze",
            _ when thawed != frozen =>
                $"{frozen} file systems were frozen, but only {thawed} were still frozen at the thaw: another client thawed the guest in between",
            _ => null,
        };
    }

    /// <summary>This run's freeze has certainly ended: ends the guard, and resets the agent's timeout.</summary>
    private void Dismiss(LibvirtDomain connected)
    {
        isGuardNeeded = false;
        guard.Dismiss();
        guard.Dispose();
        try
        {
            connected.SetAgentTimeout(LibvirtDomain.AgentTimeoutBlock);
        }
        catch (LibvirtException)
        {
            // The domain has stopped, or the daemon has ended; the setting is lost with them.
        }
    }
}

/// <summary>The result of a freeze window.</summary>
/// <param name="Window">From the freeze call to the return of the thaw: at least as long as the guest was frozen.</param>
/// <param name="Doubt">Why it is uncertain that everything stayed frozen until the thaw; null if it is certain.</param>
internal sealed record FreezeOutcome(TimeSpan Window, string? Doubt);
