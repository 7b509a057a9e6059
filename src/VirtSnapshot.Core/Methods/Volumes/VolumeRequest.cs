using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Volumes;

/// <summary>What a driver is asked to snapshot.</summary>
/// <param name="Host">Where the volume is.</param>
/// <param name="Domain">The domain.</param>
/// <param name="Volume">The volume.</param>
/// <param name="Group">The set's identity: what is made is marked with it, where the tool allows that, and so proven ours later.</param>
/// <param name="Label">A name for the snapshot that is unique and fit for every tool: letters, digits, <c>-</c>, <c>_</c> and <c>.</c>, at most 100 of them.</param>
/// <param name="Method">The <c>&lt;diskSnapshot&gt;</c> element: of several disks in the volume, all have the same.</param>
/// <param name="Disks">The disks whose images lie in the volume.</param>
/// <param name="Stack">The layers under the first of them.</param>
/// <param name="Warn">Says what the user should know although it is no reason to refuse.</param>
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
