using System.Diagnostics;

namespace VirtSnapshot.Hosts;

/// <summary>One program on the other host, with pipes from and to it: one run of ssh here. Disposing of it closes its input and leaves it running.</summary>
internal sealed class SshSession(Process process, Action release) : IDisposable
{
    private int isDisposed;

    public Process Process => process;

    /// <summary>Whether it is gone, or the connection to it.</summary>
    public bool HasEnded => isDisposed != 0 || process.HasExited;

    /// <summary>How ssh ended; -1 where it has not.</summary>
    public int WaitForExitCode(TimeSpan patience) => process.WaitForExit(patience) ? process.ExitCode : -1;

    public void CloseInput()
    {
        try
        {
            process.StandardInput.Dispose();
        }
        catch (IOException)
        {
            // It is gone, and with it the other end.
        }
    }

    public void Kill()
    {
        try
        {
            process.Kill();
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself meanwhile.
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) != 0)
        {
            return;
        }

        CloseInput();
        process.StandardOutput.Dispose();
        process.Dispose();
        release();
    }
}
