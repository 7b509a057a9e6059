using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace VirtSnapshot.Tests.Lab;

/// <summary>Runs the lab's scripts, and programs beside them.</summary>
public static class LabScript
{
    /// <summary>The repository's root.</summary>
    public static string Repository { get; } = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "../../.."));

    /// <summary>Runs a script of <c>tests/Lab</c> and returns what it printed; what it said in between is in the exception when it fails.</summary>
    public static string Run(string script, params string[] arguments)
    {
        return script is "domain.sh" || arguments is ["start" or "restart", ..] ? TimeSpent.Booting(RunIt) : RunIt();

        string RunIt() => RunProgram("bash", [Path.Combine(Repository, "tests", "Lab", script), .. arguments]);
    }

    public static string RunProgram(string program, params string[] arguments)
    {
        var (exitCode, output, errors) = TryRunProgram(program, arguments);
        return exitCode == 0
            ? output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: exit code {exitCode}\n{output}\n{errors}");
    }

    public static (int ExitCode, string Output, string Errors) TryRunProgram(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        process.WaitForExit();
        return (process.ExitCode, output.Result, errors.Result);
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
