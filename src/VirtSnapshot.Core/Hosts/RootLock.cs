namespace VirtSnapshot.Hosts;

/// <summary>
/// Root's lock of a given name on this machine, for a user with sudo. All users of a hypervisor share it, and so do runs over ssh. A root
/// process holds it, and ends with this process.
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

    /// <summary>Takes the lock if sudo allows it; else only the user's own lock is used.</summary>
    /// <param name="own">The user's own lock, which is released together with it.</param>
    /// <param name="name">The name of both.</param>
    /// <returns>Null if another run holds it; the user's own lock is released then.</returns>
    public static IDisposable? TryAdd(IDisposable own, string name)
    {
        LocalScript script;
        try
        {
            // setsid: Ctrl+C must not release the lock, which is still needed for the undo.
            var process = HostProgram.Start(
                "sudo",
                [
                    "-n", "--", "setsid", "--wait", "sh", "-c", HostScriptText.Read("lock.sh"),
                    $"virtsnapshot-lock-{Guid.NewGuid():N}", name, "root", "infinity", "",
                ]);
            process.ErrorDataReceived += static (_, _) => { };
            process.BeginErrorReadLine();
            script = new LocalScript(process);
        }
        catch (VirtSnapshotException)
        {
            // sudo is not installed.
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
        // This process may take the lock again at once, so wait until the holder has ended.
        script.CloseInput();
        script.ReadLine(ReleaseTime);
        script.Dispose();
        own.Dispose();
    }
}
