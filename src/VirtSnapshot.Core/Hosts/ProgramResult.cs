namespace VirtSnapshot.Hosts;

/// <summary>How a program ended, and what it said.</summary>
internal sealed record ProgramResult(string Program, int ExitCode, string Output, string Errors)
{
    public bool Succeeded => ExitCode == 0;

    /// <summary>One line to put into an error.</summary>
    public string ToolError
    {
        get
        {
            var said = string.Join(' ', Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
            return said.Length == 0 ? $"{Program} ended with exit code {ExitCode} and said nothing" : said;
        }
    }
}
