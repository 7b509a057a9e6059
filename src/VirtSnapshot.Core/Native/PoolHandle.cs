using System.Runtime.InteropServices;

namespace VirtSnapshot.Native;

/// <summary>Owns one reference to a <c>virStoragePoolPtr</c>.</summary>
internal sealed class PoolHandle : SafeHandle
{
    public PoolHandle()
        : base(0, ownsHandle: true)
    {
    }

    internal PoolHandle(nint pointer)
        : base(0, ownsHandle: true) => SetHandle(pointer);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle() => StorageApi.FreePool(handle) == 0;
}
