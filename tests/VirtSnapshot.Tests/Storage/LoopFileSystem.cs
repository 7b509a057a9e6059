using VirtSnapshot.Tests.Lab;

namespace VirtSnapshot.Tests.Storage;

/// <summary>A file system on a loop device, mounted.</summary>
internal sealed class LoopFileSystem : IDisposable
{
    private readonly LoopDevice device;
    private readonly Mounting mounting;

    /// <param name="parent">Where its file lies, and where it is mounted.</param>
    /// <param name="name">Its name there.</param>
    /// <param name="make">The command that makes it, without the device.</param>
    /// <param name="size">The file's size.</param>
    public LoopFileSystem(string parent, string name, IReadOnlyList<string> make, string size = LoopDevice.DefaultSize)
    {
        Folder = Directory.CreateDirectory(Path.Combine(parent, name)).FullName;
        device = new LoopDevice(parent, name, size);
        LabScript.RunProgram(make[0], [.. make.Skip(1), device.Path]);
        mounting = new Mounting(device.Path, Folder);
    }

    public string Folder { get; }

    public string Device => device.Path;

    public void Dispose()
    {
        mounting.Dispose();
        device.Dispose();
    }
}
