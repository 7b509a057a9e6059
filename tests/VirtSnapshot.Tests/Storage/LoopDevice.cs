using VirtSnapshot.Tests.Lab;

namespace VirtSnapshot.Tests.Storage;

/// <summary>A loop device on an empty file.</summary>
internal sealed class LoopDevice : IDisposable
{
    public const string DefaultSize = "320M";

    private readonly string image;

    public LoopDevice(string parent, string name, string size = DefaultSize)
    {
        image = System.IO.Path.Combine(parent, name + ".img");
        LabScript.RunProgram("truncate", "-s", size, image);
        Path = LabScript.RunProgram("losetup", "--find", "--show", image).Trim();
    }

    public string Path { get; }

    public void Dispose()
    {
        LabScript.RunProgram("losetup", "--detach", Path);
        File.Delete(image);
    }
}
