namespace VirtSnapshot.Storage;

/// <summary>What was read ahead in several journeys, let go of together.</summary>
internal sealed class ReadScope(IDisposable? first = null) : IDisposable
{
    private readonly List<IDisposable?> journeys = [first];

    public void Add(IDisposable journey) => journeys.Add(journey);

    public void Dispose() => journeys.ForEach(journey => journey?.Dispose());
}
