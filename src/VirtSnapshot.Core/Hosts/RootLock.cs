namespace VirtSnapshot.Hosts;

/// <summary>
/// Root's lock of that name on this machine, for a user who may become root: all users of one hypervisor share it, and so do runs that come
/// over ssh. A process of root's holds it, and ends with us.
/// </summary>
internal sealed class RootLock : IDisposable
{
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ReleaseTime = TimeSpan.FromSeconds(5);

    private readonly IDisposable own;
    private readonly LocalScript script;

    private RootLock(IDisposable own, LocalScript script)
    {
        this.own = own;
        this.script = script;
    }

    /// <summary>Takes it, where sudo lets us; else the user's own lock has to do.</summary>
    /// <param name="own">The user's own lock, given back with it.</param>
    /// <param name="name">The name of both.</param>
    /// <returns>Null where somebody else holds it; the user's own is given back then, too.</returns>
    public static IDisposable? TryAdd(IDisposable own, string name)
    {
        LocalScript script;
        try
        {
            // Of a session of its own: Ctrl+C is for us, and we still need the lock to undo what was done.
            var process = HostProgram.Start(
                "sudo",
                ["-n", "--", "setsid", "--wait", "sh", "-c", HostScriptText.Read("lock.sh"), $"virtsnapshot-lock-{Guid.NewGuid():N}", name, "root", "infinity", ""]);
            process.ErrorDataReceived += static (_, _) => { };
            process.BeginErrorReadLine();
            script = new LocalScript(process);
        }
        catch (VirtSnapshotException)
        {
            // A machine without sudo.
            return own;
        }

        var answer = script.ReadLine(AnswerTime);
        if (answer == "locked")
        {
            return new RootLock(own, script);
        }

        script.Dispose();
        if (answer != "busy")
        {
            return own;
        }

        own.Dispose();
        return null;
    }

    public void Dispose()
    {
        // The next run may be our own: it is given back when the process says no more.
        script.CloseInput();
        script.ReadLine(ReleaseTime);
        script.Dispose();
        own.Dispose();
    }
}
