using VirtSnapshot.Methods;

namespace VirtSnapshot.Snapshots;

/// <summary>
/// Receives the engine's messages. Called on the caller's own thread, and never while a guest is frozen: a
/// slow terminal must not extend the freeze.
/// </summary>
public interface IRunReporter
{
    /// <summary>A decision and its reason.</summary>
    void Verbose(string message);

    /// <summary>A problem that does not stop the run.</summary>
    void Warning(string message);

    /// <summary>The progress of a merge.</summary>
    void Progress(string domain, RemovalProgress progress);
}
