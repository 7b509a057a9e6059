using System.Management.Automation;

namespace VirtSnapshot.Tests.Cmdlets;

/// <summary>What a script wrote.</summary>
/// <param name="Output">Its objects.</param>
/// <param name="Errors">Its errors.</param>
internal sealed record EngineResult(IReadOnlyList<PSObject> Output, IReadOnlyList<ErrorRecord> Errors)
{
    /// <summary>The error ids, without the command's name that PowerShell adds.</summary>
    public IReadOnlyList<string> ErrorIds => [.. Errors.Select(error => error.FullyQualifiedErrorId.Split(',')[0])];

    public IReadOnlyList<string> Text => [.. Output.Select(item => item?.ToString() ?? "")];
}
