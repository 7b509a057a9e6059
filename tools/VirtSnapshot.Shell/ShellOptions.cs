namespace VirtSnapshot.Shell;

/// <summary>The command line, understood.</summary>
/// <param name="Mode">What to do.</param>
/// <param name="Text">The command's text or the script's path; <c>-</c> is standard input.</param>
/// <param name="Arguments">The script's own arguments.</param>
/// <param name="NonInteractive">A question is an error and not a prompt.</param>
internal sealed record ShellOptions(ShellMode Mode, string Text, IReadOnlyList<string> Arguments, bool NonInteractive)
{
    public const string StandardInput = "-";

    public const string Help = """
        VirtSnapshot.Shell: the PowerShell engine in a small executable, for machines without pwsh.

        VirtSnapshot.Shell [options]                              an interactive prompt
        VirtSnapshot.Shell [options] [-File] script.ps1 [args]    run a script; ends with its 'exit N', 1 after a terminating error
        VirtSnapshot.Shell [options] -Command text                run a command; ends with 0 or 1, as $? says

          -File, -f            everything after the script's path are its arguments; '-' reads the script from standard input
          -Command, -c         everything after it is the command's text; '-' reads it from standard input
          -NonInteractive      a question (a confirmation, a mandatory parameter left out) is an error
          -NoProfile, -NoLogo  accepted for pwsh's sake: there is neither profile nor logo
          -Version, -v
          -Help, -h, --help

        It has the engine's core cmdlets only (Get-Command lists them), no Select-Object, Format-Table or Write-Host.
        After Ctrl+C or SIGTERM a running cmdlet finishes its clean-up; the exit code is 130 or 143.
        """;

    /// <exception cref="UsageException">An unknown option, or one whose value is missing.</exception>
    public static ShellOptions Parse(IReadOnlyList<string> args)
    {
        bool nonInteractive = false;
        for (int i = 0; i < args.Count; i++)
        {
            string[] rest = [.. args.Skip(i + 1)];
            switch (OptionName(args[i]))
            {
                case "noprofile" or "nop" or "nologo" or "nol":
                    break;
                case "noninteractive" or "noni":
                    nonInteractive = true;
                    break;
                case "file" or "f":
                    return Script(rest.FirstOrDefault() ?? throw new UsageException($"{args[i]} needs a script's path."), [.. rest.Skip(1)]);
                case "command" or "c":
                    return rest.Length > 0
                        ? new(ShellMode.Command, string.Join(' ', rest), [], nonInteractive)
                        : throw new UsageException($"{args[i]} needs a command.");
                case "help" or "h" or "?":
                    return new(ShellMode.Help, "", [], nonInteractive);
                case "version" or "v":
                    return new(ShellMode.Version, "", [], nonInteractive);
                case null when args[i].EndsWith(".ps1", StringComparison.OrdinalIgnoreCase):
                    return Script(args[i], rest);
                case null when args[i] == StandardInput:
                    return new(ShellMode.Command, StandardInput, [], nonInteractive);
                case null:
                    throw new UsageException($"'{args[i]}' is neither an option nor a script (*.ps1).");
                default:
                    throw new UsageException($"unknown option '{args[i]}'.");
            }
        }

        return Console.IsInputRedirected
            ? new(ShellMode.Command, StandardInput, [], nonInteractive)
            : new(ShellMode.Interactive, "", [], nonInteractive);

        ShellOptions Script(string path, IReadOnlyList<string> arguments) => path == StandardInput || File.Exists(path)
            ? new(ShellMode.File, path == StandardInput ? path : Path.GetFullPath(path), arguments, nonInteractive)
            : throw new UsageException($"there is no script '{path}'.");
    }

    private static string? OptionName(string argument) =>
        argument.Length > 1 && argument[0] == '-' ? argument.TrimStart('-').ToLowerInvariant() : null;
}
