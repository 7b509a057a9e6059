namespace VirtSnapshot.Hosts;

/// <summary>Who has a file open: a process, or the kernel through a loop device (which has no process).</summary>
internal sealed record FileUser(int ProcessId, string Program)
{
    public override string ToString() => ProcessId == 0 ? Program : $"{Program} (process {ProcessId})";
}
