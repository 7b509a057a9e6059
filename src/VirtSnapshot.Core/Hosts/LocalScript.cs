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
            // Its pipes are closed already.
            throw new IOException("The script was let go.", e);
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
            // Its pipes are closed, or broken.
            return null;
        }
    }

    /// <summary>Says that there is no more to come.</summary>
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
