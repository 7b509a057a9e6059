using VirtSnapshot.Domains;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.HostStorage;

/// <summary>What the tests of ZFS share: domains on datasets and zvols of the lab host, and the proof that nothing is left.</summary>
public abstract class ZfsTest(LabHost host) : IDisposable
{
    /// <summary>An emulated host may be slow.</summary>
    private protected static readonly QuiesceOptions Freezing = new() { Quiescence = Quiescence.Required, FreezeTimeout = TimeSpan.FromMinutes(5) };

    private readonly List<Action> undo = [];

    protected LabHost Host => host;

    public void Dispose()
    {
        for (var i = undo.Count - 1; i >= 0; i--)
        {
            undo[i]();
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>What is to be done when the test has ended, the last first.</summary>
    protected void Afterwards(Action action) => undo.Add(action);

    /// <summary>A dataset with a blank in its name.</summary>
    /// <returns>Its name; it is mounted at <c>/srv/zfs</c>, without the <c>tank/vms</c>.</returns>
    protected string Dataset(string options = "atime=off")
    {
        var name = $"tank/vms/{host.NewName("with blank")}";
        host.Run("zfs", "create", "-o", options, name);
        Afterwards(() => host.TryRun("zfs", "destroy", "-r", name));
        return name;
    }

    protected static string FolderOf(string dataset) => dataset.Replace("tank/vms/", "/srv/zfs/", StringComparison.Ordinal);

    /// <summary>A zvol with a blank in its name.</summary>
    protected string Zvol(string pool = "tank", bool isSparse = true, string size = "64M")
    {
        var name = $"{pool}/{host.NewName("vol ume")}";
        host.Run([.. (string[])["zfs", "create"], .. isSparse ? (string[])["-s"] : [], "-V", size, name]);
        Afterwards(() => host.TryRun("zfs", "destroy", "-r", name));
        host.Run("sh", "-c", "until [ -b \"$1\" ]; do sleep 0.1; done", "sh", NodeOf(name));
        return name;
    }

    protected static string NodeOf(string zvol) => $"/dev/zvol/{zvol.Replace(' ', '+')}";

    /// <summary>A pool of 256 MiB on a logical volume.</summary>
    protected string Pool()
    {
        var volume = host.NewName("pool");
        var device = host.MakeStorage("thick", volume, "256M");
        Afterwards(() => host.TryRun("lvremove", "-fy", device));
        var pool = volume.Replace('-', '_');
        host.Run("zpool", "create", "-m", $"/srv/{pool}", pool, device);
        Afterwards(() => host.TryRun("zpool", "destroy", "-f", pool));
        return pool;
    }

    /// <summary>A guest whose disks lie there, as <c>raw:/dev/zvol/tank/a</c>: vda, vdb …</summary>
    protected LabHostGuest Guest(bool isRunning, params string[] disks)
    {
        var options = disks.SelectMany((disk, i) => (string[])["--disk", $"vd{(char)('a' + i)}={disk}"]);
        string[] records = ["--records", string.Join(',', disks.Select((_, i) => $"vd{(char)('a' + i)}"))];
        var guest = host.Guest(host.NewName("zfs"), [.. options, .. isRunning ? records : ["--define-only"]]);
        Afterwards(guest.Dispose);
        return guest;
    }

    /// <summary>All that is ours in all pools: snapshots, and clones of them.</summary>
    protected IReadOnlyList<string> Ours() =>
    [
        .. host.Run("zfs", "list", "-H", "-t", "all", "-o", "name").Split('\n').Where(name => name.Contains("virtsnapshot", StringComparison.Ordinal)),
        .. host.Run("sh", "-c", "grep virtsnapshot /proc/self/mountinfo || :").Split('\n', StringSplitOptions.RemoveEmptyEntries),
    ];

    private protected void AssertNothingLeft(VmDomain domain)
    {
        Assert.Empty(SnapshotList.Of(domain));
        Assert.Null(RunJournal.Read(domain));
        Assert.Empty(Ours());
    }

    private protected static RepairResult? Repair(VmDomain domain)
    {
        using var plan = RepairPlan.Make(domain, new HeardReporter(), TestContext.Current.CancellationToken);
        return plan?.Run(TestContext.Current.CancellationToken);
    }
}
