using VirtSnapshot.Tests.Lab;

namespace VirtSnapshot.Tests.Methods.LibvirtVolume;

/// <summary>A storage pool of a directory, forgotten when disposed of; its files stay.</summary>
internal sealed class RunningPool : IDisposable
{
    /// <summary>Its name.</summary>
    public const string Name = "volumes pool";

    private readonly LabFixture lab;

    public RunningPool(LabFixture lab, string folder)
    {
        this.lab = lab;
        lab.Virsh("pool-create-as", Name, "dir", "--target", folder);
    }

    public void Dispose() => LabScript.TryRunProgram("virsh", "-q", "-c", lab.Uri, "pool-destroy", Name);
}
