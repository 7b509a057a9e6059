using System.Runtime.InteropServices;

namespace VirtSnapshot.Native;

/// <summary>Owns one reference to a <c>virStoragePoolPtr</c>.</summary>
internal sealed class PoolHandle() : SafeHandle(0, ownsHandle: true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle() => StorageApi.FreePool(handle) == 0;
}
