namespace VirtSnapshot.Storage;

/// <summary>Cached results of several round trips, which are disposed of together.</summary>
internal sealed class ReadScope(IDisposable? first = null) : IDisposable
{
    private readonly List<IDisposable?> scopes = [first];

    public void Add(IDisposable scope) => scopes.Add(scope);

    public void Dispose() => scopes.ForEach(scope => scope?.Dispose());
}
