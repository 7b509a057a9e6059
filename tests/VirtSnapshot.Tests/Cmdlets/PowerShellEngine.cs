using System.Management.Automation;
using System.Management.Automation.Runspaces;
using VirtSnapshot.PowerShell;
using VirtSnapshot.PowerShell.Commands;
using Engine = System.Management.Automation.PowerShell;

namespace VirtSnapshot.Tests.Cmdlets;

/// <summary>A real PowerShell engine with the module in it, as an administrator's script would find it.</summary>
internal sealed class PowerShellEngine : IDisposable
{
    private readonly Runspace runspace;

    public PowerShellEngine()
    {
        var state = InitialSessionState.CreateDefault2();
        state.ImportPSModule(typeof(NewDiskSnapshotCommand).Assembly.Location);
        runspace = RunspaceFactory.CreateRunspace(state);
        runspace.Open();
    }

    /// <summary>Runs a script to its end. A terminating error is one of the errors.</summary>
    public EngineResult Run(string script, params object?[] input)
    {
        using var shell = Engine.Create();
        shell.Runspace = runspace;
        shell.AddScript(script);
        foreach (var argument in input)
        {
            shell.AddArgument(argument);
        }

        List<ErrorRecord> errors = [];
        List<PSObject> output = [];
        try
        {
            output.AddRange(shell.Invoke());
        }
        catch (RuntimeException e)
        {
            errors.Add(e.ErrorRecord);
        }

        return new EngineResult(output, [.. shell.Streams.Error, .. errors]);
    }

    public void Dispose()
    {
        runspace.Dispose();

        // As Remove-Module does.
        new ModuleCleanup().OnRemove(null!);
    }
}
