namespace VirtSnapshot.Hosts;

/// <summary>
/// A lock on another host: a process there holds it, and ends with our connection or when we give no sign of life. If the
/// connection was lost, somebody else may have had the lock since: it is taken again before anything more is changed.
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

    /// <summary>Null where somebody else holds it.</summary>
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

    /// <summary>Null where it was given back.</summary>
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

    /// <summary>Takes it again where the process that held it is gone.</summary>
    /// <exception cref="VirtSnapshotException"><c>DomainLocked</c>: somebody else has it by now.</exception>
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
                    $"The connection that the lock '{name}' hung on was lost, and another run has the lock by now. Nothing more was done. Wait until it has ended.");
            }
        }
    }

    public void Dispose()
    {
        beat.Dispose();
        lock (change)
        {
            // The next run may be our own.
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
            // It is lost, or was given back; whoever relies on it finds out.
        }
    }
}
