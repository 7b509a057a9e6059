using System.Runtime.InteropServices;

namespace VirtSnapshot.Native;

/// <summary>Owns one reference to a <c>virStorageVolPtr</c>.</summary>
internal sealed class VolumeHandle() : SafeHandle(0, ownsHandle: true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle() => StorageApi.FreeVolume(handle) == 0;
}
