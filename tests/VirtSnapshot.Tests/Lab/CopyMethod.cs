using VirtSnapshot.Hosts;
using VirtSnapshot.Methods;
using VirtSnapshot.Methods.Volumes;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Tests.Lab;

/// <summary>A method as slow as a test wants it: a plain copy of the image, true only while nobody writes to that.</summary>
internal sealed class CopyMethod(TimeSpan duration) : VolumeMethod
{
    public const string MethodName = "test-copy";

    public override string Name => MethodName;

    public override MethodTraits Traits { get; } = new(StorageLevel.FileSystem, NeedsVcpuPause: true);

    /// <summary>Puts it beside the module's own methods until the result is disposed of.</summary>
    public static IDisposable Register(TimeSpan duration) => Engine.Register(new CopyMethod(duration));

    public override VolumeFit FindVolume(StorageStack stack) => stack.Find<FileSystemLayer>() is { } system
        ? new VolumeFit(new Volume(system.File, null), MethodRank.Possible, "a file")
        : VolumeFit.Impossible("no file");

    public override bool IsSlow(VolumeRequest request) => duration > TimeSpan.FromSeconds(1);

    public override VolumeSnapshot PlanVolume(VolumeRequest request) =>
        new(request.Volume, $"{request.Volume.Name}.{request.Label}", $"{request.Volume.Name}.{request.Label}", new Dictionary<string, string>());

    public override void Take(IHost host, IReadOnlyList<VolumeSnapshot> snapshots)
    {
        Thread.Sleep(duration);
        foreach (var snapshot in snapshots)
        {
            File.Copy(snapshot.Volume.Name, snapshot.At);
        }
    }

    public override void Expose(IHost host, VolumeSnapshot snapshot)
    {
    }

    public override string? WhyNotOurs(IHost host, VolumeSnapshot snapshot, SetIdentity set) => null;

    public override SnapshotState Check(IHost host, VolumeSnapshot snapshot) => Exists(host, snapshot) ? SnapshotState.Available : SnapshotState.Missing;

    public override bool Delete(IHost host, VolumeSnapshot snapshot)
    {
        var exists = Exists(host, snapshot);
        File.Delete(snapshot.At);
        return exists;
    }

    public override bool Exists(IHost host, VolumeSnapshot snapshot) => File.Exists(snapshot.At);
}
