using System.Diagnostics;

namespace VirtSnapshot.Hosts;

/// <summary>A script on this machine.</summary>
internal sealed class LocalScript(Process process) : IHostScript
{
    private bool isDisposed;

    public int ProcessId { get; } = process.Id;

    public string HostName => Environment.MachineName;

    public void Tell(string line)
    {
        process.StandardInput.Write(line + "\n");
        process.StandardInput.Flush();
    }

    public string? Listen(TimeSpan time)
    {
        var line = process.StandardOutput.ReadLineAsync();
        return line.Wait(time) ? line.Result : null;
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
