namespace VirtSnapshot.Hosts;

/// <summary>A process that has a file open.</summary>
internal sealed record FileUser(int ProcessId, string Program)
{
    public override string ToString() => $"{Program} (process {ProcessId})";
}
