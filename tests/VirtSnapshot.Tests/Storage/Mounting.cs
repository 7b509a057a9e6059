using VirtSnapshot.Tests.Lab;

namespace VirtSnapshot.Tests.Storage;

/// <summary>Something that is mounted: the last of <c>mount</c>'s arguments is where.</summary>
internal sealed class Mounting : IDisposable
{
    private readonly string point;

    public Mounting(params string[] arguments)
    {
        point = arguments[^1];
        LabScript.RunProgram("mount", arguments);
    }

    public void Dispose() => LabScript.TryRunProgram("umount", point);
}
