using VirtSnapshot.Methods;
using VirtSnapshot.Snapshots;

namespace VirtSnapshot.Tests.Lab;

/// <summary>Keeps what the engine says.</summary>
internal sealed class HeardReporter : IRunReporter
{
    public List<string> Warnings { get; } = [];

    public List<string> Details { get; } = [];

    public List<RemovalProgress> Steps { get; } = [];

    /// <summary>Called with each step of a merge.</summary>
    public Action<RemovalProgress>? OnProgress { get; init; }

    public void Verbose(string message) => Details.Add(message);

    public void Warning(string message) => Warnings.Add(message);

    public void Progress(string domain, RemovalProgress progress)
    {
        Steps.Add(progress);
        OnProgress?.Invoke(progress);
    }
}
