using System.Text;

namespace VirtSnapshot.Hosts;

/// <summary>What a question to another host brought.</summary>
/// <param name="ExitCode">How it ended there.</param>
/// <param name="Output">What it printed, byte for byte.</param>
/// <param name="Errors">What it complained of.</param>
/// <param name="IsProgramMissing">Whether the program that was to be run is not there.</param>
/// <param name="IsLockLost">Whether nothing was done, since a lock that it needed is not held any more.</param>
internal sealed record HostResult(int ExitCode, byte[] Output, string Errors, bool IsProgramMissing = false, bool IsLockLost = false)
{
    public bool Succeeded => ExitCode == 0;

    public string Text => Encoding.UTF8.GetString(Output);

    /// <summary>What stands between NULs.</summary>
    public string[] Fields => Text.Split('\0');

    /// <summary>One line to put into an error.</summary>
    public string ToolError => new ProgramResult("it", ExitCode, "", Errors).ToolError;
}
