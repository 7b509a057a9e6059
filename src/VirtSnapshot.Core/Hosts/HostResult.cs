using System.Text;

namespace VirtSnapshot.Hosts;

/// <summary>The result of a script on another host.</summary>
/// <param name="ExitCode">The exit code.</param>
/// <param name="Output">The bytes of stdout.</param>
/// <param name="Errors">The text of stderr.</param>
/// <param name="IsProgramMissing">Whether the program to run is not installed.</param>
/// <param name="IsLockLost">Whether the script was not run because a required lock is no longer held.</param>
internal sealed record HostResult(int ExitCode, byte[] Output, string Errors, bool IsProgramMissing = false, bool IsLockLost = false)
{
    public bool Succeeded => ExitCode == 0;

    public string Text => Encoding.UTF8.GetString(Output);

    /// <summary>The output, split at NULs.</summary>
    public string[] Fields => Text.Split('\0');

    /// <summary>stderr as one line, for error messages.</summary>
    public string ToolError => new ProgramResult("it", ExitCode, "", Errors).ToolError;
}
