using System.Text.Json.Nodes;
using VirtSnapshot.Methods.Qemu;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.UnitTests.Methods.Qemu;

/// <summary>What we write is what qemu-img would have made, as far as qemu-img itself can tell.</summary>
public sealed class Qcow2ImageTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("vs-qcow2-").FullName;

    private string Ours => Path.Combine(folder, "ours.qcow2");

    private string Theirs => Path.Combine(folder, "theirs.qcow2");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData(512UL)]
    [InlineData(64UL << 20)]
    [InlineData((10UL << 30) + 512)]
    [InlineData(4UL << 40)]
    [InlineData(60UL << 40)]
    public void An_image_of_any_size_is_the_same_as_qemu_img_s(ulong size)
    {
        File.WriteAllBytes(Ours, Qcow2Image.Empty(size, null, null));
        LabScript.RunProgram("qemu-img", "create", "-q", "-f", "qcow2", Theirs, $"{size}");
        AssertSame();
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("qcow2")]
    public void An_overlay_is_the_same_as_qemu_img_s_takes_writes_and_shows_its_base(string format)
    {
        var backing = Path.Combine(folder, "basé " + new string('x', 200));
        LabScript.RunProgram("qemu-img", "create", "-q", "-f", format, backing, "1G");
        LabScript.RunProgram("qemu-io", "-f", format, "-c", "write -P 7 900M 64k", backing);
        File.WriteAllBytes(Ours, Qcow2Image.Empty(1 << 30, backing, format));
        LabScript.RunProgram("qemu-img", "create", "-q", "-f", "qcow2", "-b", backing, "-F", format, Theirs, "1G");
        AssertSame();

        LabScript.RunProgram("qemu-io", "-f", "qcow2", "-c", "write -P 9 1M 1M", "-c", "read -P 9 1M 1M", "-c", "read -P 7 900M 64k", "-c",
            "read -P 0 2M 1M", Ours);
        LabScript.RunProgram("qemu-img", "check", "-q", Ours);
        LabScript.RunProgram("qemu-img", "commit", "-q", Ours);
        LabScript.RunProgram("qemu-io", "-r", "-f", format, "-c", "read -P 9 1M 1M", "-c", "read -P 7 900M 64k", backing);
    }

    private void AssertSame()
    {
        LabScript.RunProgram("qemu-img", "check", "-q", Ours);
        Assert.Equal(Info(Theirs), Info(Ours));
        LabScript.RunProgram("qemu-img", "compare", "-q", "-s", Ours, Theirs);
    }

    /// <summary>All that qemu-img tells, but for the name and how much of the host's disk it takes.</summary>
    private static string Info(string image)
    {
        var info = JsonNode.Parse(LabScript.RunProgram("qemu-img", "info", "--output=json", image))!.AsObject();
        info.Remove("filename");
        info.Remove("actual-size");
        info.Remove("children");
        return info.ToJsonString();
    }
}
