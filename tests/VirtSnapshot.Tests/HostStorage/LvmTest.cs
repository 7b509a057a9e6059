using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.HostStorage;

/// <summary>What the tests of LVM share: domains on volumes of the lab host, and the proof that nothing is left.</summary>
public abstract class LvmTest(LabHost host) : IDisposable
{
    /// <summary>An emulated host may be slow.</summary>
    private protected static readonly QuiesceOptions Freezing = new() { Quiescence = Quiescence.Required, FreezeTimeout = TimeSpan.FromMinutes(5) };

    private readonly List<Action> undo = [];

    protected LabHost Host => host;

    private protected static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        for (var i = undo.Count - 1; i >= 0; i--)
        {
            undo[i]();
        }

        if (TestContext.Current.TestState?.Result == TestResult.Failed)
        {
            // One test's failure is not to be everybody's.
            host.TryRun("sh", "-c", "umount /run/virtsnapshot/mnt/*; rmdir /run/virtsnapshot/mnt/*; lvremove -fy @virtsnapshot");
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>What is to be done when the test has ended, the last first.</summary>
    protected void Afterwards(Action action) => undo.Add(action);

    protected string Thick(string size = "128M")
    {
        var device = host.MakeStorage("thick", host.NewName("thick"), size);
        Afterwards(() => host.TryRun("lvremove", "-fy", device));
        return device;
    }

    protected string Thin(string size = "128M")
    {
        var device = host.MakeStorage("thin", host.NewName("thin"), size);
        Afterwards(() => host.TryRun("lvremove", "-fy", device));
        return device;
    }

    /// <summary>A name for an image, which is gone when the test has ended.</summary>
    protected string Image(string folder, string name = "image")
    {
        var path = $"{folder}/{host.NewName(name)}";
        Afterwards(() => host.TryRun("rm", "-f", "--", path));
        return path;
    }

    /// <summary>A guest whose disks lie there, as <c>raw:/dev/vg/a</c>: vda, vdb …</summary>
    protected LabHostGuest Guest(bool isRunning, params string[] disks)
    {
        var options = disks.SelectMany((disk, i) => (string[])["--disk", $"vd{(char)('a' + i)}={disk}"]);
        string[] records = ["--records", string.Join(',', disks.Select((_, i) => $"vd{(char)('a' + i)}"))];
        var guest = host.Guest(host.NewName("lvm"), [.. options, .. isRunning ? records : ["--define-only"]]);
        Afterwards(guest.Dispose);
        return guest;
    }

    /// <summary>A volume, or a file system's, in its group.</summary>
    protected static string VolumeOf(string device) => device["/dev/".Length..];

    /// <summary>Logical volumes that are ours, and where they are mounted.</summary>
    protected IReadOnlyList<string> Ours() =>
    [
        .. host.Run("lvs", "--noheadings", "-o", "vg_name,lv_name", "@virtsnapshot").Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
        .. host.Run("sh", "-c", "ls -A /run/virtsnapshot/mnt 2>/dev/null || :").Split('\n', StringSplitOptions.RemoveEmptyEntries),
        .. host.Run("sh", "-c", "grep /run/virtsnapshot /proc/self/mountinfo || :").Split('\n', StringSplitOptions.RemoveEmptyEntries),
    ];

    private protected void AssertNothingLeft(VmDomain domain)
    {
        Assert.Empty(SnapshotList.Of(domain));
        Assert.Null(RunJournal.Read(domain));
        Assert.Empty(Ours());
    }

    private protected static SnapshotState StateOf(VmDomain domain) => Assert.Single(SnapshotList.Of(domain)).State;

    private protected static RepairResult? Repair(VmDomain domain)
    {
        using var plan = RepairPlan.Make(domain, new HeardReporter(), Token);
        return plan?.Run(Token);
    }

    private protected static string Method(string content) => $"<diskSnapshot method='lvm'>{content}</diskSnapshot>";

    private protected static DiskSnapshotMethod Parsed(string method) => DiskSnapshotMethod.Parse(method);
}
