using VirtSnapshot.Tests.Lab;

namespace VirtSnapshot.Tests.Storage;

/// <summary>A file system on a loop device, made for one test.</summary>
internal sealed class LoopFileSystem : IDisposable
{
    private readonly string image;

    public LoopFileSystem(string parent, string name, IReadOnlyList<string> make, string size = "320M")
    {
        image = Path.Combine(parent, name + ".img");
        Folder = Path.Combine(parent, name);
        LabScript.RunProgram("truncate", "-s", size, image);
        LabScript.RunProgram(make[0], [.. make.Skip(1), image]);
        Device = LabScript.RunProgram("losetup", "--find", "--show", image).Trim();
        Directory.CreateDirectory(Folder);
        LabScript.RunProgram("mount", Device, Folder);
    }

    public string Folder { get; }

    public string Device { get; }

    public void Dispose()
    {
        LabScript.RunProgram("umount", "--recursive", Folder);
        LabScript.RunProgram("losetup", "--detach", Device);
        Directory.Delete(Folder);
        File.Delete(image);
    }
}
