using System.Globalization;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;

namespace VirtSnapshot.Quiescing;

/// <summary>
/// A separate process that thaws the guest, or resumes a paused one, if this process dies, exceeds the time limit, or gets no reply. It is
/// started early, so that it can test its access while the run prepares. It also sets the agent's timeout.
/// </summary>
internal sealed class FreezeGuard : IDisposable
{
    public const string ProcessName = "virtsnapshot-freeze-guard";

    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan SpareTime = TimeSpan.FromSeconds(2);
    private static readonly string Script = HostScriptText.Read("freeze-guard.sh");

    private readonly IHost host;
    private readonly SpareGuards spares;
    private readonly string uri;
    private readonly string request;
    private IHostScript script;
    private bool isSpare;

    private FreezeGuard(IHost host, SpareGuards spares, string uri, string request)
    {
        this.host = host;
        this.spares = spares;
        this.uri = uri;
        this.request = request;
        isSpare = true;
        script = TakeSpare() ?? StartOwn();
    }

    /// <summary>Its process id and host, for messages.</summary>
    public override string ToString() => $"process {script.ProcessId} on host '{script.HostName}'";

    /// <param name="host">The hypervisor's host.</param>
    /// <param name="spares">The guards that were started in advance.</param>
    /// <param name="domain">The domain to guard.</param>
    /// <param name="deadline">The maximum duration of a freeze, from its announcement on. It is rounded up to whole seconds.</param>
    /// <exception cref="QuiesceUnavailableException">It cannot be started.</exception>
    public static FreezeGuard Start(IHost host, SpareGuards spares, VmDomain domain, TimeSpan deadline) => new(
        host, spares, domain.Uri, string.Create(CultureInfo.InvariantCulture, $"watch {domain.Uuid:D} {WholeSeconds(deadline)}"));

    public static int WholeSeconds(TimeSpan time) => Math.Max(1, (int)Math.Ceiling(time.TotalSeconds));

    /// <exception cref="QuiesceUnavailableException">It cannot work: nothing may be frozen.</exception>
    public void WaitUntilReady()
    {
        var reply = script.ReadLine(isSpare ? SpareTime : StartTime);
        if (reply != "ready" && isSpare)
        {
            // It has lost its access since its start, or is dead.
            script.Dispose();
            script = StartOwn();
            reply = script.ReadLine(StartTime);
        }

        if (reply != "ready")
        {
            throw QuiesceUnavailableException.GuardUnusable(reply ?? "it did not start");
        }
    }

    /// <summary>From now on, the guard thaws unless it is dismissed.</summary>
    /// <exception cref="QuiesceUnavailableException">It has ended, or does not reply: nothing may be frozen.</exception>
    public void AnnounceFreeze() => Announce("freezing");

    /// <summary>From now on, the guard resumes the guest unless <see cref="ConfirmResumed"/> is called.</summary>
    /// <exception cref="QuiesceUnavailableException">It has ended, or does not reply: nothing may be paused.</exception>
    public void AnnouncePause() => Announce("pausing");

    /// <summary>The thaw is confirmed, or it is certain that this run froze nothing.</summary>
    public void Dismiss() => Confirm("thawed");

    /// <summary>The guest was reset, which ended the freeze. The guard only resets the agent's timeout, and ends.</summary>
    public void ConfirmReset() => Confirm("reset");

    /// <summary>The guest is running. The guard only resets the agent's timeout, and ends.</summary>
    public void ConfirmResumed() => Confirm("resumed");

    /// <summary>Closes the pipe to it. If it was not dismissed, it thaws or resumes the guest now.</summary>
    public void Dispose() => script.Dispose();

    /// <summary>Starts a guard for the next run.</summary>
    public void MakeSpare() => spares.Make(host, uri, Script);

    private void Announce(string what)
    {
        try
        {
            script.WriteLine(what);
        }
        catch (IOException e)
        {
            throw QuiesceUnavailableException.GuardUnusable("it has ended", e);
        }

        // Over a network, a write may succeed although the guard does not receive it.
        if (script.ReadLine(AnswerTime) != "watching")
        {
            Dismiss();
            throw QuiesceUnavailableException.GuardUnusable("it does not reply");
        }
    }

    private void Confirm(string what)
    {
        try
        {
            script.WriteLine(what);
        }
        catch (IOException)
        {
            // Its deadline has passed, and it has already thawed or resumed the guest, which the guest's state shows.
        }
    }

    private IHostScript? TakeSpare()
    {
        var spare = spares.Take(uri);
        try
        {
            spare?.WriteLine(request);
            return spare;
        }
        catch (IOException)
        {
            spare!.Dispose();
            return null;
        }
    }

    private IHostScript StartOwn()
    {
        isSpare = false;
        try
        {
            var own = host.StartScript(Script, [ProcessName, host.HypervisorUri]);
            own.WriteLine(request);
            return own;
        }
        catch (VirtSnapshotException e)
        {
            throw QuiesceUnavailableException.GuardUnusable(e.Message.TrimEnd('.'), e);
        }
        catch (IOException e)
        {
            throw QuiesceUnavailableException.GuardUnusable("it ended immediately", e);
        }
    }
}
