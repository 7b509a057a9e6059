namespace VirtSnapshot.Hosts;

/// <summary>
/// A lock on another host. A process there holds it; it ends with the connection, or when it receives no heartbeat. After a lost
/// connection, another run may have had the lock: it is taken again before the next change.
/// </summary>
internal sealed class SshLock : IDisposable
{
    private const int BeatSeconds = 20;
    private const int SilenceSeconds = 180;

    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan ReleaseTime = TimeSpan.FromSeconds(5);

    private readonly SshConnection connection;
    private readonly string name;
    private readonly bool asRoot;
    private readonly string holder = $"virtsnapshot-lock-{Guid.NewGuid():N}";
    private readonly object change = new();
    private readonly Timer beat;
    private SshScript script;
    private bool isReleased;

    private SshLock(SshConnection connection, string name, bool asRoot)
    {
        this.connection = connection;
        this.name = name;
        this.asRoot = asRoot;
        script = Start(before: 0);
        beat = new Timer(_ => Beat(), null, TimeSpan.FromSeconds(BeatSeconds), TimeSpan.FromSeconds(BeatSeconds));
    }

    /// <summary>Takes the lock; null if another run holds it.</summary>
    /// <exception cref="IOException">It cannot be taken.</exception>
    public static SshLock? TryTake(SshConnection connection, string name, bool asRoot)
    {
        var taken = new SshLock(connection, name, asRoot);
        try
        {
            if (taken.IsTaken())
            {
                return taken;
            }
        }
        catch
        {
            taken.Dispose();
            throw;
        }

        taken.Dispose();
        return null;
    }

    /// <summary>The process that holds it; null if it was released.</summary>
    public LockHolder? Holder
    {
        get
        {
            lock (change)
            {
                return isReleased ? null : new LockHolder(script.ProcessId, holder);
            }
        }
    }

    /// <summary>Takes it again if the process that held it has ended.</summary>
    /// <exception cref="VirtSnapshotException"><c>DomainLocked</c>: another run has taken it.</exception>
    public void TakeAgain(LockHolder lost)
    {
        lock (change)
        {
            if (isReleased || script.ProcessId != lost.ProcessId)
            {
                return;
            }

            script.Dispose();
            script = Start(lost.ProcessId);
            if (!IsTaken())
            {
                throw new VirtSnapshotException(
                    FailureKind.ResourceBusy,
                    "DomainLocked",
                    name,
                    $"The lock '{name}' was lost with its connection, and another run has taken it. No further change was made. "
                    + "Wait until the other run has ended.");
            }
        }
    }

    public void Dispose()
    {
        beat.Dispose();
        lock (change)
        {
            // This process may take the lock again at once, so wait until the holder has ended.
            isReleased = true;
            script.End(ReleaseTime);
        }
    }

    private SshScript Start(int before) => connection.Start(
        HostScriptText.Read("lock.sh"), [holder, name, asRoot ? "root" : "user", $"{SilenceSeconds}", before == 0 ? "" : $"{before}"], asRoot);

    private bool IsTaken() => script.ReadLine(AnswerTime) switch
    {
        "locked" => true,
        "busy" => false,
        { } failed => throw new IOException(failed["failed ".Length..].Trim()),
        null => throw script.Failure(),
    };

    private void Beat()
    {
        try
        {
            lock (change)
            {
                script.WriteLine(".");
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The lock was lost or released. The next change checks it.
        }
    }
}
