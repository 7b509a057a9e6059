using System.Management.Automation;

namespace VirtSnapshot.PowerShell;

/// <summary>Releases the engine's spare guards at Remove-Module.</summary>
public sealed class ModuleCleanup : IModuleAssemblyCleanup
{
    /// <inheritdoc/>
    public void OnRemove(PSModuleInfo psModuleInfo) => VirtSnapshotCmdlet.Engine.Release();
}
