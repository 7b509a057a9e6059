using Xunit;

namespace VirtSnapshot.Tests.Lab;

/// <summary>The lab's <c>libvirtd.sh</c>.</summary>
public sealed class LibvirtdScriptTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("vs-chroot-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>
    /// Its namespaces have the machine's root, and only its processes have the chroot's. What stands in the machine's place here is a stand-in, which a
    /// failure may ruin.
    /// </summary>
    [Fact]
    [Trait("Debian13", "yes")]
    public void A_libvirtd_in_a_chroot_stays_in_it()
    {
        const string Script = """
            set -euo pipefail
            folder=$1 libvirtd=$2
            for own in /run/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt /etc/libvirt; do
                mkdir -p "$own"
                mount -t tmpfs outside "$own"
            done
            touch /run/libvirt/outside
            mkdir "$folder/root"
            mount --rbind / "$folder/root"
            in_chroot() { chroot "$folder/root" bash "$libvirtd" "$1" "$folder/lab" "${@:2}"; }
            trap 'in_chroot stop' EXIT
            in_chroot start $$ >&2
            in_chroot restart >&2
            in_chroot enter ls /run/libvirt
            echo "outside: $(ls /run/libvirt)"
            """;

        var output = LabScript.RunProgram(
            "unshare", "--mount", "--propagation", "private", "bash", "-c", Script, "bash",
            folder,
            Path.Combine(LabScript.Repository, "tests", "Lab", "libvirtd.sh"));

        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains("libvirt-sock", lines);
        Assert.DoesNotContain("outside", lines);
        Assert.Equal("outside: outside", lines[^1]);
    }
}
