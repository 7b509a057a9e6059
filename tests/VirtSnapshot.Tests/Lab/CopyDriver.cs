using VirtSnapshot.Hosts;
using VirtSnapshot.Methods;
using VirtSnapshot.Methods.Volumes;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Tests.Lab;

/// <summary>A method as slow as a test wants it: a plain copy of the image, true only while nobody writes to that.</summary>
internal sealed class CopyDriver(TimeSpan duration) : IVolumeDriver
{
    public const string MethodName = "test-copy";

    public string Method => MethodName;

    public StorageLevel Level => StorageLevel.FileSystem;

    /// <summary>Puts it beside the module's own methods until the result is disposed of.</summary>
    public static IDisposable Register(TimeSpan duration)
    {
        var before = MethodCatalog.Selector;
        MethodCatalog.Selector = new MethodRegistry([.. before.Providers, new VolumeMethod(new CopyDriver(duration))]);
        return new Registration(before);
    }

    public VolumeFit Probe(StorageStack stack) => stack.Find<FileSystemLayer>() is { } system
        ? new VolumeFit(new Volume(system.File, null), MethodRank.Possible, "a file")
        : VolumeFit.Impossible("no file");

    public bool IsSlow(VolumeRequest request) => duration > TimeSpan.FromSeconds(1);

    public VolumeSnapshot Plan(VolumeRequest request) =>
        new(request.Volume, $"{request.Volume.Name}.{request.Label}", $"{request.Volume.Name}.{request.Label}", new Dictionary<string, string>());

    public void Prepare(IHost host, VolumeSnapshot snapshot)
    {
    }

    public void Take(IHost host, IReadOnlyList<VolumeSnapshot> snapshots)
    {
        Thread.Sleep(duration);
        foreach (var snapshot in snapshots)
        {
            File.Copy(snapshot.Volume.Name, snapshot.At);
        }
    }

    public void Expose(IHost host, VolumeSnapshot snapshot)
    {
    }

    public string? WhyNotOurs(IHost host, VolumeSnapshot snapshot, SetIdentity set) => null;

    public SnapshotState Check(IHost host, VolumeSnapshot snapshot) => Exists(host, snapshot) ? SnapshotState.Available : SnapshotState.Missing;

    public bool Delete(IHost host, VolumeSnapshot snapshot)
    {
        var exists = Exists(host, snapshot);
        File.Delete(snapshot.At);
        return exists;
    }

    public bool Exists(IHost host, VolumeSnapshot snapshot) => File.Exists(snapshot.At);

    private sealed class Registration(MethodRegistry before) : IDisposable
    {
        public void Dispose() => MethodCatalog.Selector = before;
    }
}
