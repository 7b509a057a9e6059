namespace VirtSnapshot.Tests.Forged;

/// <summary>A folder, deleted with all that is in it when disposed of.</summary>
internal sealed class TestFolder : IDisposable
{
    public TestFolder(string path) => Path = Directory.CreateDirectory(path).FullName;

    public string Path { get; }

    /// <summary>A folder in it.</summary>
    public string Add(string name) => Directory.CreateDirectory(System.IO.Path.Combine(Path, name)).FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
