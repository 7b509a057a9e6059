using VirtSnapshot.Tests.Lab;
using Xunit;

[assembly: AssemblyFixture(typeof(LabHost))]

namespace VirtSnapshot.Tests.Lab;

/// <summary>
/// A virtual machine that is a whole libvirt host under AppArmor, with LVM, ZFS, btrfs and XFS: one for the whole run, booted when a test asks for it first. Where it
/// cannot start, the tests that need it fail. <c>VIRTSNAPSHOT_LAB_HOST=DIR</c> takes the one that <c>host.sh start DIR</c> has started, and leaves it running.
/// </summary>
public sealed class LabHost : IDisposable
{
    /// <summary>Where guests made by <c>domain.sh</c> have what is theirs, on the host.</summary>
    public const string GuestFolder = "/srv/lab";

    private static readonly string? Running = Environment.GetEnvironmentVariable("VIRTSNAPSHOT_LAB_HOST");

    private readonly Lazy<string> folder = new(() => Running ?? Directory.CreateTempSubdirectory("vs-host-").FullName);
    private readonly Lazy<string> uri;
    private int volumes;

    public LabHost() => uri = new Lazy<string>(() => Running is null
        ? LabScript.Run("host.sh", "start", folder.Value, $"{Environment.ProcessId}", "--apparmor").Trim()
        : $"qemu+ssh://root@lab/system?command={Running}/ssh");

    /// <summary>Its libvirt, as root.</summary>
    public string Uri => uri.Value;

    /// <summary>The folder on this machine: <c>ssh</c> in it is an ssh that knows the host as <c>lab</c>.</summary>
    public string Folder => Uri.Length > 0 ? folder.Value : "";

    /// <summary>Runs a program on it as root.</summary>
    public string Run(params string[] command)
    {
        var (exitCode, output, errors) = TryRun(command);
        return exitCode == 0 ? output : throw new InvalidOperationException($"On the lab host, {string.Join(' ', command)}: exit code {exitCode}\n{output}\n{errors}");
    }

    public (int ExitCode, string Output, string Errors) TryRun(params string[] command) =>
        LabScript.TryRunProgram("bash", [Path.Combine(LabScript.Repository, "tests", "Lab", "host.sh"), "enter", Folder, .. command]);

    public string Virsh(params string[] arguments) => LabScript.RunProgram("virsh", ["-q", "-c", Uri, .. arguments]);

    /// <summary>A name for a volume that no other test has.</summary>
    public string NewName(string purpose) => $"{purpose}{Interlocked.Increment(ref volumes)}-{Guid.NewGuid().ToString("N")[..4]}";

    /// <summary>Makes a volume, dataset or subvolume: see <c>host/storage</c>.</summary>
    /// <returns>Its path.</returns>
    public string MakeStorage(params string[] arguments) => Run(["/lab/host/storage", .. arguments]).Trim();

    /// <summary>A guest on it, with the given options of <c>domain.sh</c>. Gone when disposed of; what its disks lie on stays.</summary>
    public LabHostGuest Guest(string name, params string[] options)
    {
        Run(["/lab/domain.sh", "qemu:///system", name, GuestFolder, .. options]);
        return new LabHostGuest(this, name);
    }

    /// <summary>A power cut, and a boot from the same disks.</summary>
    public void Restart() => LabScript.Run("host.sh", "restart", Folder);

    public void Dispose()
    {
        if (Running is null && folder.IsValueCreated)
        {
            LabScript.Run("host.sh", "stop", folder.Value);
            Directory.Delete(folder.Value, recursive: true);
        }
    }
}
