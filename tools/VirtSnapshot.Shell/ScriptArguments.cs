using System.Management.Automation.Runspaces;

namespace VirtSnapshot.Shell;

/// <summary>Command line arguments as a script's parameters, by pwsh's rules for <c>-File</c>.</summary>
internal static class ScriptArguments
{
    /// <summary>
    /// <c>-Name value</c> stays two items: only the script's <c>param()</c> knows whether <c>-Name</c> is a switch,
    /// and the engine's binder decides. Values stay text, except for <c>-Switch:$true</c> and <c>-Switch:$false</c>.
    /// </summary>
    public static IEnumerable<CommandParameter> Parse(IReadOnlyList<string> arguments)
    {
        for (int i = 0; i < arguments.Count; i++)
        {
            string argument = arguments[i];
            if (!IsParameterName(argument))
            {
                yield return new CommandParameter(null, argument);
                continue;
            }

            int colon = argument.IndexOf(':', StringComparison.Ordinal);
            if (colon < 0)
            {
                yield return new CommandParameter(argument);
            }
            else if (colon < argument.Length - 1)
            {
                yield return new CommandParameter(argument[..colon], Value(argument[(colon + 1)..]));
            }
            else
            {
                yield return new CommandParameter(argument[..colon], i + 1 < arguments.Count ? Value(arguments[++i]) : null);
            }
        }
    }

    // A negative number is a value.
    private static bool IsParameterName(string argument) =>
        argument.Length > 1 && argument[0] == '-' && (char.IsLetter(argument[1]) || argument[1] is '_' or '?');

    private static object Value(string text) => text.ToLowerInvariant() switch
    {
        "$true" => true,
        "$false" => false,
        _ => text,
    };
}
