using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Reflection;

namespace VirtSnapshot.Shell;

/// <summary>
/// Two switches of the engine that only pwsh itself can reach. The engine's version is pinned in Directory.Packages.props;
/// a test for each (the exit code of a script, errors on standard error) fails should a newer engine name them otherwise.
/// </summary>
internal static class EngineInternals
{
    private const BindingFlags Hidden = BindingFlags.Instance | BindingFlags.NonPublic;

    /// <summary>Lets the <c>exit</c> of the next script file end the shell; else it would end the script alone.</summary>
    public static void LetNextScriptExit(Runspace runspace)
    {
        object context = typeof(Runspace).GetProperty("ExecutionContext", Hidden)!.GetValue(runspace)!;
        context.GetType().GetProperty("ScriptCommandProcessorShouldRethrowExit", Hidden)!.SetValue(context, true);
    }

    /// <summary>Makes Out-Default show an error record as an error; else it is an object like any other.</summary>
    public static PSObject AsError(ErrorRecord record)
    {
        PSObject error = new(record);
        PropertyInfo stream = typeof(PSObject).GetProperty("WriteStream", Hidden)!;
        stream.SetValue(error, Enum.Parse(stream.PropertyType, "Error"));
        return error;
    }
}
