using VirtSnapshot.Methods;

namespace VirtSnapshot.Snapshots;

/// <summary>
/// Where the engine says what people should hear. Called on the caller's own thread, and never while a guest is frozen: a
/// slow terminal must not make the freeze longer.
/// </summary>
public interface IRunReporter
{
    /// <summary>What was decided, and why.</summary>
    void Verbose(string message);

    /// <summary>What the user should know, although the run goes on.</summary>
    void Warning(string message);

    /// <summary>How far a merge is.</summary>
    void Progress(string domain, RemovalProgress progress);
}
