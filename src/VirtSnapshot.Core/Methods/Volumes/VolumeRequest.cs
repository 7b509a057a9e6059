using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>A request to snapshot one volume.</summary>
/// <param name="Host">The host of the volume.</param>
/// <param name="Domain">The domain.</param>
/// <param name="Volume">The volume.</param>
/// <param name="Group">The set's identity: where the tool supports tags, the snapshot is tagged with it, which proves later that it is ours.</param>
/// <param name="Label">A unique name for the snapshot, valid in every tool: at most 100 letters, digits, <c>-</c>, <c>_</c> and <c>.</c>.</param>
/// <param name="Method">The <c>&lt;diskSnapshot&gt;</c> element, equal for all disks in the volume.</param>
/// <param name="Disks">The disks whose images are in the volume.</param>
/// <param name="Stack">The storage stack of the first of them.</param>
/// <param name="Warn">Reports a warning to the user.</param>
internal sealed record VolumeRequest(
    IHost Host,
    VmDomain Domain,
    Volume Volume,
    Guid Group,
    string Label,
    DiskSnapshotMethod Method,
    IReadOnlyList<VmDisk> Disks,
    StorageStack Stack,
    Action<string> Warn);
