using VirtSnapshot.Hosts;
using VirtSnapshot.Tests.Lab;

namespace VirtSnapshot.Tests.HostStorage;

/// <summary>What a test has made on the lab host, taken away when it is disposed of.</summary>
internal sealed class HostScope(LabHost host) : IDisposable
{
    private readonly List<string[]> undo = [];

    /// <summary>What is to be run on the host at the end, the last first, whether it works or not.</summary>
    public void Afterwards(params string[] command) => undo.Add(command);

    /// <summary>A domain that is shut off, whose disks lie there, as <c>raw:/dev/vg/a</c>: vda, vdb …</summary>
    public LabHostGuest Define(params string[] disks)
    {
        var guest = host.Define(host.NewName("guest"), disks);
        Afterwards("virsh", "-q", "-c", "qemu:///system", "undefine", guest.Name, "--managed-save", "--snapshots-metadata", "--checkpoints-metadata");
        return guest;
    }

    public void Dispose()
    {
        // In one session, for each takes its time.
        undo.Reverse();
        host.TryRun("sh", "-c", string.Join('\n', undo.Select(ShellText.Join)));
        undo.Clear();
    }
}
