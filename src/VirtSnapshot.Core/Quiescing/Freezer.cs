using System.Diagnostics;
using System.Globalization;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Quiescing;

/// <summary>
/// One domain's freeze window: asks the agent beforehand, freezes, runs the atomic act, thaws in every path. When it cannot
/// be sure that the guest is thawed, the guard goes on with it after us.
/// </summary>
internal sealed class Freezer : IDisposable
{
    // An agent that is well answers in milliseconds; the full freeze timeout is for freezing. Whoever gives much more than the
    // usual 30 s for that, has a slow guest.
    private const int MinReplySeconds = 5;
    private const int MaxReplySeconds = 60;
    private const int ReplyPart = 6;

    /// <summary>A reset is an event, and the agent's absence an error of the next call: which is heard of first is not certain.</summary>
    private static readonly TimeSpan ResetEventTime = TimeSpan.FromSeconds(1);

    private readonly LibvirtDomain native;

    /// <summary>For the thaw alone: a late act has the run's own connection, and an agent that does not answer must not have it.</summary>
    private readonly Task<LibvirtDomain> beside;

    private readonly VmDomain domain;
    private readonly QuiesceOptions options;
    private readonly FreezeGuard guard;
    private TaskCompletionSource reset = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool isGuardNeeded = true;
    private bool isFreezePending;

    private Freezer(LibvirtDomain native, VmDomain domain, QuiesceOptions options, FreezeGuard guard)
    {
        this.native = native;
        this.domain = domain;
        this.options = options;
        this.guard = guard;
        beside = Task.Run(() => DomainFinder.Open(domain));
    }

    /// <summary>The guest's file systems and the disks under them; asked only where mount points were given.</summary>
    public IReadOnlyList<GuestFileSystem> FileSystems { get; private set; } = [];

    /// <summary>Asks the agent for a sign of life, and starts the guard.</summary>
    /// <exception cref="QuiesceUnavailableException">No agent answers, or there is no guard.</exception>
    /// <exception cref="VirtSnapshotException">
    /// <c>GuestAlreadyFrozen</c> (somebody else holds it frozen, and it stays so) or <c>MountPointNotFound</c>. Nothing has been touched then.
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
            freezer.ProbeAgent(cancellation);
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

    /// <summary>Whether the agent answers that the guest is frozen.</summary>
    public static bool IsFrozen(LibvirtDomain native, VmDomain domain) =>
        domain is { IsActive: true, IsPaused: false } && domain.GuestAgent != GuestAgentState.None && Status(native, MinReplySeconds) == "frozen";

    /// <summary>Thaws a guest that a run has left frozen. The caller knows that the freeze is ours.</summary>
    /// <returns>Whether it was frozen.</returns>
    /// <exception cref="LibvirtException">It is frozen, and the thaw failed.</exception>
    public static bool ThawIfFrozen(LibvirtDomain native, VmDomain domain)
    {
        if (!IsFrozen(native, domain))
        {
            return false;
        }

        native.SetAgentTimeout(MinReplySeconds);
        try
        {
            native.Thaw();
        }
        finally
        {
            native.SetAgentTimeout(LibvirtDomain.AgentTimeoutBlock);
        }

        return true;
    }

    /// <summary>The last thing that can fail before the freeze.</summary>
    /// <exception cref="QuiesceUnavailableException">There is no guard, or no connection for the thaw.</exception>
    public void WaitForGuard()
    {
        guard.WaitUntilReady();
        try
        {
            _ = beside.GetAwaiter().GetResult();
        }
        catch (VirtSnapshotException e)
        {
            throw QuiesceUnavailableException.NoConnection(e);
        }

        // The guard's trial set it, too, but our short bound for the question may have come after it.
        native.SetAgentTimeout(FreezeGuard.WholeSeconds(options.FreezeTimeout));
    }

    /// <summary>Freezes, acts, and thaws whatever the act does.</summary>
    /// <param name="act">The atomic act. Its exception is passed on after the thaw.</param>
    /// <param name="actUnfrozen">Called instead when the freeze fails and need not succeed; given the reason.</param>
    /// <param name="cancellation">Ends the waiting for the freeze.</param>
    /// <exception cref="VirtSnapshotException"><c>FreezeFailed</c>, <c>FreezeTimedOut</c> or <c>GuestAlreadyFrozen</c>; the act was not called.</exception>
    /// <exception cref="OperationCanceledException">Stopped while the freeze was under way; the guard thaws. The act was not called.</exception>
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
                // Its connection answers nothing else before it ends.
                _ = Task.Run(stopListening, CancellationToken.None);
            }
            else
            {
                stopListening();
            }
        }
    }

    /// <summary>
    /// Whether every file system on a disk was among those that were frozen. One of which the agent does not know the disk (LVM in
    /// the guest, say) may be on any.
    /// </summary>
    public bool WasWhollyFrozen(string target) => options.MountPoints.Count == 0
        || FileSystems.Where(system => system.Targets.Count == 0 || system.Targets.Contains(target)).All(system => options.MountPoints.Contains(system.MountPoint));

    /// <summary>If the guard was not dismissed, it thaws if a freeze was announced, and puts the agent's timeout back in any case.</summary>
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

        _ = beside.ContinueWith(
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
            // A driver without that event: the agent's silence is then all that tells.
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
            // The freeze may land any moment: the guard is to thaw now, not when all else is undone.
            isFreezePending = true;
            guard.Dispose();
            native.Abandon();
            throw;
        }
        catch
        {
            // Whether anything is frozen is not known.
            guard.Dispose();
            throw;
        }

        if (reset.Task.IsCompleted)
        {
            // One before the freeze ended nothing: what is frozen now is the guest as it has booted since.
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

    private int ReplySeconds => Math.Min(
        FreezeGuard.WholeSeconds(options.FreezeTimeout),
        Math.Clamp(FreezeGuard.WholeSeconds(options.FreezeTimeout / ReplyPart), MinReplySeconds, MaxReplySeconds));

    private void ProbeAgent(CancellationToken cancellation)
    {
        native.SetAgentTimeout(ReplySeconds);
        try
        {
            if (options.MountPoints.Count == 0)
            {
                InterruptibleCall.Run(
                    () =>
                    {
                        native.PingAgent();
                        return true;
                    },
                    cancellation);
                return;
            }

            FileSystems = InterruptibleCall.Run(native.FileSystems, cancellation);
        }
        catch (LibvirtException e)
        {
            if (e.IsUnanswered)
            {
                throw QuiesceUnavailableException.AgentUnavailable(e.Message.TrimEnd('.'), e);
            }

            // A frozen guest's agent refuses every question but this one, which is why a refusal is looked into.
            if (IsFrozen())
            {
                throw AlreadyFrozen(e);
            }

            if (options.MountPoints.Count > 0)
            {
                throw QuiesceUnavailableException.AgentUnavailable($"it does not tell the guest's mount points ({e.Message})", e);
            }
        }

        var missing = options.MountPoints.Except(FileSystems.Select(system => system.MountPoint), StringComparer.Ordinal).ToList();
        if (missing.Count > 0)
        {
            throw new VirtSnapshotException(
                FailureKind.ObjectNotFound,
                "MountPointNotFound",
                domain,
                $"Domain '{domain.Name}' has nothing mounted at '{string.Join("', '", missing)}'. Its mount points are "
                + $"{string.Join(", ", FileSystems.Select(system => system.MountPoint).Order(StringComparer.Ordinal))}. Nothing was touched.");
        }
    }

    /// <summary>Says what the failure means for the guest, and leaves the guard at work wherever that is not certain.</summary>
    private VirtSnapshotException AfterFailedFreeze(LibvirtException error, TimeSpan elapsed)
    {
        if (!error.IsUnanswered)
        {
            // The agent has answered: it froze nothing. If the guest is frozen all the same, somebody else did it. Where the
            // answer was lost on its way, it was we. An agent's own answer names the command, in every language.
            var status = Status();
            if (status == "frozen" && error.Message.Contains("guest-fsfreeze-freeze", StringComparison.Ordinal))
            {
                Dismiss(native);
                throw AlreadyFrozen(error);
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
                + (isGuardNeeded ? $"Whether anything is frozen is not known: a guard ({guard}) goes on thawing until the agent answers." : "It is not frozen."),
                error);
        }

        // Closing its input sets the guard to work at once.
        guard.Dispose();
        return new VirtSnapshotException(
            FailureKind.OperationTimeout,
            "FreezeTimedOut",
            domain,
            $"The guest of domain '{domain.Name}' did not confirm the freeze ({error.Message.TrimEnd('.')}, after {elapsed.TotalSeconds:0.0} s). "
            + (WasReset(error) ? "The guest was reset meanwhile. " : "")
            + $"The freeze may still land: a guard ({guard}) goes on thawing until the agent answers that nothing is frozen.",
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

    /// <summary>The error of an act that failed while the guest was frozen, with what became of the freeze.</summary>
    private VirtSnapshotException Failed(Exception error, TimeSpan frozen)
    {
        var known = WindowFailure.Explain(error, domain);
        var end = reset.Task.IsCompleted ? ", until it was reset, and is not frozen any more"
            : isGuardNeeded ? $", and its thaw is not confirmed: a guard ({guard}) goes on until the agent answers"
            : "";
        return new VirtSnapshotException(
            known.Kind,
            known.ErrorId,
            known.TargetObject,
            string.Create(CultureInfo.InvariantCulture, $"{known.Message.TrimEnd()} The guest was frozen for {frozen.TotalSeconds:0.0} s{end}."),
            known);
    }

    /// <summary>Whether an agent gave no answer since the guest was reset.</summary>
    private bool WasReset(LibvirtException error) => error is { IsUnanswered: true, ConnectionLost: false } && reset.Task.Wait(ResetEventTime);

    /// <returns>Why it is not certain that everything stayed frozen until now; null where it is.</returns>
    private string? Thaw(int frozen)
    {
        var through = beside.Result;
        int? thawed;
        try
        {
            thawed = InterruptibleCall.RunUntil(reset.Task, through.Thaw);
        }
        catch (LibvirtException e) when (WasReset(e))
        {
            thawed = null;
        }
        catch (Exception e)
        {
            // Closing its input sets the guard to work at once.
            guard.Dispose();
            return $"the thaw was not confirmed ({e.Message}); a guard ({guard}) goes on until the agent answers";
        }

        if (thawed is null)
        {
            // Frozen is what runs in the guest's memory, and that has begun anew. The agent is not asked: libvirt would wait for it while the guest boots.
            through.Abandon();
            isGuardNeeded = false;
            guard.ConfirmReset();
            guard.Dispose();
            return "the guest was reset while it was frozen, which ended the freeze: it is not frozen any more";
        }

        // At once: whoever freezes from here on is not ours to thaw.
        Dismiss(through);
        return (frozen, thawed) switch
        {
            (0, _) => "the agent found no file system to freeze",
            _ when thawed != frozen => $"{frozen} file systems were frozen, but only {thawed} were still frozen at the thaw: somebody else thawed the guest in between",
            _ => null,
        };
    }

    /// <summary>The guest is certainly not frozen by us: the guard goes, and the agent may take its time again.</summary>
    private void Dismiss(LibvirtDomain through)
    {
        isGuardNeeded = false;
        guard.Dismiss();
        guard.Dispose();
        try
        {
            through.SetAgentTimeout(LibvirtDomain.AgentTimeoutBlock);
        }
        catch (LibvirtException)
        {
            // The domain or the daemon is gone, and the setting with it.
        }
    }

    private VirtSnapshotException AlreadyFrozen(Exception inner) => new(
        FailureKind.ResourceBusy,
        "GuestAlreadyFrozen",
        domain,
        $"The guest of domain '{domain.Name}' is frozen already, by somebody else. It was left as it is, and nothing was touched. "
        + "Wait for the other job, or thaw the guest with 'virsh domfsthaw' if that job is dead.",
        inner);

    private bool IsFrozen() => Status() == "frozen";

    private string? Status() => Status(native, ReplySeconds);

    /// <summary>A raw agent command marks the domain as tainted, so it is asked only when something is wrong already.</summary>
    private static string? Status(LibvirtDomain native, int seconds)
    {
        try
        {
            using var answer = JsonText.Parse(native.AgentCommand("""{"execute":"guest-fsfreeze-status"}""", seconds));
            return JsonText.Text(answer.RootElement, "return");
        }
        catch (Exception e) when (e is LibvirtException or FormatException)
        {
            return null;
        }
    }
}

/// <summary>How a freeze window went.</summary>
/// <param name="Window">From the freeze call to the thaw's return: never shorter than what the guest felt.</param>
/// <param name="Doubt">Why it is not certain that everything stayed frozen until we thawed it; null where it is.</param>
internal sealed record FreezeOutcome(TimeSpan Window, string? Doubt);
