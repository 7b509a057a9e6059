using VirtSnapshot.Domains;
using VirtSnapshot.Methods;

namespace VirtSnapshot.Snapshots;

/// <summary>A disk that is to be snapshotted, and how.</summary>
internal sealed record ChosenDisk(DiskContext Candidate, MethodChoice Choice)
{
    public VmDisk Disk => Candidate.Disk;
}
