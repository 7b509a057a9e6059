using System.Runtime.InteropServices;

namespace VirtSnapshot.Native;

/// <summary>Owns one reference to an object of libvirt.</summary>
internal abstract class LibvirtHandle : SafeHandle
{
    private protected LibvirtHandle(nint pointer)
        : base(0, ownsHandle: true) => SetHandle(pointer);

    public override bool IsInvalid => handle == 0;
}
