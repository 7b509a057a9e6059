using System.Management.Automation;
using Microsoft.PowerShell.Commands;

namespace VirtSnapshot.Shell;

/// <summary>
/// The engine's <c>Out-Default</c>, which also remembers <c>$?</c> as the command's last statement left it: once the
/// pipeline has ended, the engine has set it to true again.
/// </summary>
[Cmdlet(VerbsData.Out, "Default")]
public sealed class OutDefault : OutDefaultCommand
{
    /// <summary><c>$?</c> at the end of the last command.</summary>
    public static bool Succeeded { get; private set; }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        Succeeded = SessionState.PSVariable.GetValue("?") is true;
        base.EndProcessing();
    }
}
