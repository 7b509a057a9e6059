using System.Diagnostics;

namespace VirtSnapshot.Hosts;

/// <summary>One program on the remote host: one ssh process here. Disposing of it closes its stdin and leaves it running.</summary>
internal sealed class SshSession(Process process, Action release) : IDisposable
{
    private int isDisposed;

    public Process Process => process;

    /// <summary>Whether the program or its connection has ended.</summary>
    public bool HasEnded => isDisposed != 0 || process.HasExited;

    /// <summary>The exit code of ssh; -1 if it does not end in time.</summary>
    public int WaitForExitCode(TimeSpan timeout) => process.WaitForExit(timeout) ? process.ExitCode : -1;

    public void CloseInput()
    {
        try
        {
            process.StandardInput.Dispose();
        }
        catch (IOException)
        {
            // The program has ended, and the pipe is broken.
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
            // It has already ended.
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
