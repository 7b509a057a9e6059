namespace VirtSnapshot.Tests.Lab;

/// <summary>Something to be done when the scope is left.</summary>
internal sealed class Undo(Action undo) : IDisposable
{
    public void Dispose() => undo();
}
