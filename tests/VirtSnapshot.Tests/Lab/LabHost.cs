using System.Xml.Linq;
using VirtSnapshot.Hosts;
using VirtSnapshot.Tests.Lab;
using Xunit;

[assembly: AssemblyFixture(typeof(LabHost))]

namespace VirtSnapshot.Tests.Lab;

/// <summary>
/// A virtual machine that is a whole libvirt host under AppArmor, with LVM, ZFS, btrfs and XFS: one for the whole run, booted when a test asks for it first.
/// Where it
/// cannot start, the tests that need it fail. <c>VIRTSNAPSHOT_LAB_HOST=DIR</c> takes the one that <c>host.sh start DIR</c> has started, and leaves it running.
/// </summary>
public sealed class LabHost : IDisposable
{
    /// <summary>Where guests made by <c>domain.sh</c> have what is theirs, on the host.</summary>
    public const string GuestFolder = "/srv/lab";

    private static readonly string? Running = Environment.GetEnvironmentVariable("VIRTSNAPSHOT_LAB_HOST");

    private readonly Lazy<string> folder = new(() => Running ?? Directory.CreateTempSubdirectory("vs-host-").FullName);
    private readonly Lazy<string> uri;
    private RecordingGuest? recording;
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
        return exitCode == 0
            ? output : throw new InvalidOperationException($"On the lab host, {string.Join(' ', command)}: exit code {exitCode}\n{output}\n{errors}");
    }

    public (int ExitCode, string Output, string Errors) TryRun(params string[] command) =>
        LabScript.TryRunProgram("bash", [Path.Combine(LabScript.Repository, "tests", "Lab", "host.sh"), "enter", Folder, .. command]);

    public string Virsh(params string[] arguments) => LabScript.RunProgram("virsh", ["-q", "-c", Uri, .. arguments]);

    /// <summary>A name for a volume that no other test has.</summary>
    public string NewName(string purpose) => $"{purpose}{Interlocked.Increment(ref volumes)}-{Guid.NewGuid().ToString("N")[..4]}";

    /// <summary>Makes a volume, dataset or subvolume: see <c>host/storage</c>.</summary>
    /// <returns>Its path.</returns>
    public string MakeStorage(params string[] arguments) => Run(["/lab/host/storage", .. arguments]).Trim();

    /// <summary>A running guest on it, with the given options of <c>domain.sh</c>.</summary>
    public LabHostGuest Guest(string name, params string[] options)
    {
        Run(["/lab/domain.sh", "qemu:///system", name, GuestFolder, .. options]);
        return new LabHostGuest(this, name);
    }

    /// <summary>
    /// A domain that is shut off and stays so, on disks as <c>raw:/dev/vg/a</c>: vda, vdb … Files are made, empty; what is there is taken as it is. One
    /// session and few programs, for each is felt on an emulated host.
    /// </summary>
    public LabHostGuest Define(string name, params IReadOnlyList<string> disks)
    {
        var parts = disks.Select(disk => disk.Split(':', 2)).Select((disk, i) => (Target: $"vd{(char)('a' + i)}", Format: disk[0], Path: disk[1])).ToList();
        var definition = new XElement(
            "domain",
            new XAttribute("type", "qemu"),
            new XElement("name", name),
            new XElement("memory", new XAttribute("unit", "MiB"), 64),
            new XElement("os", new XElement("type", new XAttribute("arch", "x86_64"), new XAttribute("machine", "q35"), "hvm")),
            new XElement("devices", parts.Select(disk => new XElement(
                "disk",
                new XAttribute("type", IsDevice(disk.Path) ? "block" : "file"),
                new XAttribute("device", "disk"),
                new XElement("driver", new XAttribute("name", "qemu"), new XAttribute("type", disk.Format)),
                new XElement("source", new XAttribute(IsDevice(disk.Path) ? "dev" : "file", disk.Path)),
                new XElement("target", new XAttribute("dev", disk.Target), new XAttribute("bus", "virtio"))))));
        const string Script = """
            xml=$1
            shift
            while [ $# -gt 0 ]; do
                if [ ! -e "$2" ]; then
                    if [ "$1" = raw ]; then truncate -s 64M -- "$2"; else qemu-img create -q -f "$1" -- "$2" 64M; fi
                fi
                shift 2
            done
            printf %s "$xml" | virsh -q -c qemu:///system define /dev/stdin
            """;
        Run(["sh", "-ec", Script, "sh", definition.ToString(SaveOptions.DisableFormatting), .. parts.SelectMany(disk => (string[])[disk.Format, disk.Path])]);
        return new LabHostGuest(this, name);

        static bool IsDevice(string path) => path.StartsWith("/dev/", StringComparison.Ordinal);
    }

    /// <summary>The running guest of all tests that read records, awake until disposed of.</summary>
    public RecordingGuest WakeRecordingGuest()
    {
        recording ??= RecordingGuest.Boot(this);
        recording.Wake();

        if (!recording.Guest.TryWaitForMoreRecords(1, TimeSpan.FromMinutes(1)))
        {
            recording.Guest.AssertHangs();
            TestContext.Current.AddWarning($"Guest '{recording.Guest.Name}' did not wake up, and another one was booted.");
            DropRecordingGuest();
            recording = RecordingGuest.Boot(this);
        }

        return recording;
    }

    /// <summary>For a test that failed: the next one gets a guest without what is left of it.</summary>
    public void DropRecordingGuest()
    {
        if (recording is { } dropped)
        {
            recording = null;
            TryRun("virsh", "-q", "-c", "qemu:///system", "destroy", dropped.Guest.Name);
        }
    }

    /// <summary>Limits the time for which the answer to a query is awaited, until the result is disposed of.</summary>
    public IDisposable Impatient(TimeSpan patience)
    {
        var connection = SshConnection.To(SshAddress.Of(LibvirtUri.TryParse(Uri)!));
        var usual = connection.QueryTimeout;
        connection.QueryTimeout = patience;
        return new Undo(() => connection.QueryTimeout = usual);
    }

    /// <summary>A power cut, and a boot from the same disks.</summary>
    public void Restart()
    {
        recording = null;
        LabScript.Run("host.sh", "restart", Folder);
    }

    public void Dispose()
    {
        if (Running is null && folder.IsValueCreated)
        {
            LabScript.Run("host.sh", "stop", folder.Value);
            Directory.Delete(folder.Value, recursive: true);
        }
    }
}
