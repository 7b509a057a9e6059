namespace VirtSnapshot.Hosts;

/// <summary>A script that runs beside us. Disposing of it closes its input and leaves it running.</summary>
internal interface IHostScript : IDisposable
{
    /// <summary>Its process on the machine that it runs on; 0 where that has not told it.</summary>
    int ProcessId { get; }

    /// <summary>The machine that it runs on.</summary>
    string HostName { get; }

    /// <summary>Writes a line to the script's input.</summary>
    /// <exception cref="IOException">The script is gone.</exception>
    void WriteLine(string line);

    /// <summary>The next line of the script's output; null when it ended, was let go, or the time is over.</summary>
    string? ReadLine(TimeSpan time);
}
