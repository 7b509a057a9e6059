using System.Runtime.InteropServices;

namespace VirtSnapshot.Native;

/// <summary>Owns one reference to a <c>virStorageVolPtr</c>.</summary>
internal sealed class VolumeHandle : SafeHandle
{
    public VolumeHandle()
        : base(0, ownsHandle: true)
    {
    }

    internal VolumeHandle(nint pointer)
        : base(0, ownsHandle: true) => SetHandle(pointer);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle() => StorageApi.FreeVolume(handle) == 0;
}
