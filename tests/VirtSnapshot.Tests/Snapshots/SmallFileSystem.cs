using VirtSnapshot.Tests.Lab;

namespace VirtSnapshot.Tests.Snapshots;

/// <summary>A small ext4 below the lab's images, which a test may fill.</summary>
internal sealed class SmallFileSystem : IDisposable
{
    private readonly string image;

    public SmallFileSystem(LabFixture lab, string name)
    {
        image = Path.Combine(lab.Images, $"{name}.ext4");
        Folder = Path.Combine(lab.Images, name);
        LabScript.RunProgram("truncate", "-s", "16M", image);
        LabScript.RunProgram("mke2fs", "-q", "-F", "-m", "0", "-t", "ext4", image);
        Directory.CreateDirectory(Folder);
        LabScript.RunProgram("mount", "-o", "loop", image, Folder);
        LabScript.RunProgram("chmod", "711", Folder);
    }

    public string Folder { get; }

    /// <summary>Takes all space but some KiB.</summary>
    public void Fill(int leaveKiB = 0)
    {
        var free = (new DriveInfo(Folder).AvailableFreeSpace >> 10) - leaveKiB;
        LabScript.RunProgram("fallocate", "-l", $"{free}KiB", Path.Combine(Folder, "filler"));
    }

    public void MakeReadOnly() => LabScript.RunProgram("mount", "-o", "remount,ro", Folder);

    public void Dispose()
    {
        LabScript.RunProgram("umount", Folder);
        File.Delete(image);
        Directory.Delete(Folder);
    }
}
