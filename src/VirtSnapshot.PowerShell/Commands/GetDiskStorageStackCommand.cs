using System.Management.Automation;
using VirtSnapshot.Domains;
using VirtSnapshot.Storage;

namespace VirtSnapshot.PowerShell.Commands;

/// <summary>Shows the storage stacks of disks: image, file system, devices.</summary>
[Cmdlet(VerbsCommon.Get, "DiskStorageStack")]
[OutputType(typeof(StorageStack))]
public sealed class GetDiskStorageStackCommand : HostDiskCmdlet
{
    private protected override IEnumerable<object> Query(IReadOnlyList<DomainDisks> disks) => StorageStack.Of(disks);
}
