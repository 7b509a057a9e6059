using System.Diagnostics;

namespace VirtSnapshot.Hosts;

/// <summary>A script on this machine.</summary>
internal sealed class LocalScript(Process process) : IHostScript
{
    private bool isDisposed;

    public int ProcessId { get; } = process.Id;

    public string HostName => Environment.MachineName;

    public void WriteLine(string line)
    {
        try
        {
            process.StandardInput.Write(line + "\n");
            process.StandardInput.Flush();
        }
        catch (InvalidOperationException e)
        {
            // Its pipes are closed.
            throw new IOException("The script was disposed of.", e);
        }
    }

    public string? ReadLine(TimeSpan time)
    {
        try
        {
            var line = process.StandardOutput.ReadLineAsync();
            return line.Wait(time) ? line.Result : null;
        }
        catch (Exception e) when (e is InvalidOperationException or AggregateException { InnerException: IOException or InvalidOperationException })
        {
            // Its pipes are closed or broken.
            return null;
        }
    }

    /// <summary>Closes the script's stdin.</summary>
    public void CloseInput()
    {
        try
        {
            process.StandardInput.Dispose();
        }
        catch (IOException)
        {
            // The script has ended, and the pipe is broken.
        }
    }

    public void Dispose()
    {
        if (isDisposed)
        {
            return;
        }

        isDisposed = true;
        CloseInput();
        process.StandardOutput.Dispose();
        process.Dispose();
    }
}
