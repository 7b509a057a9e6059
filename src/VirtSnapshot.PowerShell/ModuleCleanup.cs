using System.Management.Automation;

namespace VirtSnapshot.PowerShell;

/// <summary>Remove-Module ends what the engine keeps ready for the next command.</summary>
public sealed class ModuleCleanup : IModuleAssemblyCleanup
{
    /// <inheritdoc/>
    public void OnRemove(PSModuleInfo psModuleInfo) => VirtSnapshotCmdlet.Engine.Release();
}
