using System.Globalization;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;

namespace VirtSnapshot.Quiescing;

/// <summary>
/// The process beside ours that thaws the guest, or lets a paused one go on, if we die, are too slow, or get no answer. It is
/// started early, so that it can try its access while the run prepares; it also sets the bound on the agent's answers.
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

    /// <summary>What a person needs to find it.</summary>
    public override string ToString() => $"process {script.ProcessId} on host '{script.HostName}'";

    /// <param name="host">Where the hypervisor runs.</param>
    /// <param name="spares">The guards that were started ahead.</param>
    /// <param name="domain">The domain to watch over.</param>
    /// <param name="deadline">How long a freeze may last, from the moment it is announced. Whole seconds count.</param>
    /// <exception cref="QuiesceUnavailableException">It cannot be started.</exception>
    public static FreezeGuard Start(IHost host, SpareGuards spares, VmDomain domain, TimeSpan deadline) => new(
        host, spares, domain.Uri, string.Create(CultureInfo.InvariantCulture, $"watch {domain.Uuid:D} {WholeSeconds(deadline)}"));

    public static int WholeSeconds(TimeSpan time) => Math.Max(1, (int)Math.Ceiling(time.TotalSeconds));

    /// <exception cref="QuiesceUnavailableException">It cannot do its work: nothing may be frozen.</exception>
    public void WaitUntilReady()
    {
        var answer = script.ReadLine(isSpare ? SpareTime : StartTime);
        if (answer != "ready" && isSpare)
        {
            // What it tried when it was made no longer holds, or it is dead.
            script.Dispose();
            script = StartOwn();
            answer = script.ReadLine(StartTime);
        }

        if (answer != "ready")
        {
            throw QuiesceUnavailableException.GuardUnusable(answer ?? "it did not start");
        }
    }

    /// <summary>From here on the guard thaws unless it is dismissed.</summary>
    /// <exception cref="QuiesceUnavailableException">It is gone, or does not answer: nothing may be frozen.</exception>
    public void AnnounceFreeze() => Announce("freezing");

    /// <summary>From here on the guard lets the guest go on unless <see cref="ConfirmResumed"/> is called.</summary>
    /// <exception cref="QuiesceUnavailableException">It is gone, or does not answer: nothing may be paused.</exception>
    public void AnnouncePause() => Announce("pausing");

    /// <summary>The thaw is confirmed, or it is certain that nothing was frozen by us.</summary>
    public void Dismiss() => Confirm("thawed");

    /// <summary>The guest was reset, and the freeze is gone with it. The guard only puts the agent's timeout back, and ends.</summary>
    public void ConfirmReset() => Confirm("reset");

    /// <summary>The guest goes on. The guard only puts the agent's timeout back, and ends.</summary>
    public void ConfirmResumed() => Confirm("resumed");

    /// <summary>Lets go of it: if it was not dismissed, it sets to work now.</summary>
    public void Dispose() => script.Dispose();

    /// <summary>Has one made for the next run.</summary>
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

        // Over a network, what was told need not have been heard.
        if (script.ReadLine(AnswerTime) != "watching")
        {
            Dismiss();
            throw QuiesceUnavailableException.GuardUnusable("it does not answer");
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
            // Its deadline had passed and it has done its work already; the guest's state tells.
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
            throw QuiesceUnavailableException.GuardUnusable("it ended at once", e);
        }
    }
}
