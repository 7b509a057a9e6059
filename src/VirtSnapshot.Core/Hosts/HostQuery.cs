using System.Text;

namespace VirtSnapshot.Hosts;

/// <summary>A request to run one of the embedded scripts on another host.</summary>
/// <param name="Script">The script's name.</param>
/// <param name="Arguments">Its arguments.</param>
/// <param name="Input">Its stdin.</param>
/// <param name="Holders">The locks that must be held when it runs.</param>
internal sealed record HostQuery(string Script, IReadOnlyList<string> Arguments, byte[]? Input, IReadOnlyList<LockHolder> Holders)
{
    private static readonly string[] Scripts =
        ["connect.sh", "create-file.sh", "list-files.sh", "query-files.sh", "open-files.sh", "run.sh", "run-stoppable.sh"];

    /// <summary>The script that executes requests on the other host. It contains all other scripts, so a request only contains a script's name.</summary>
    public static string Worker { get; } = HostScriptText.Read("worker.sh").Replace(
        "@SCRIPTS@",
        string.Join('\n', Scripts.Select(script => $"{FunctionOf(script)}() {{\n{HostScriptText.Read(script)}\n}}")),
        StringComparison.Ordinal);

    /// <summary>The request in the format of <c>worker.sh</c>.</summary>
    /// <param name="mark">The mark that encloses the script's output.</param>
    /// <param name="takesWholeInput">Whether the script reads all further input of the worker.</param>
    public byte[] ToBytes(string mark, bool takesWholeInput)
    {
        var input = takesWholeInput ? "-" : $"{Input?.Length ?? 0}";
        var locks = string.Concat(Holders.Select(holder => $"vs_locked {holder.ProcessId} {ShellText.QuoteInLine(holder.Name)}; "));
        var arguments = string.Concat(Arguments.Select(argument => $" {ShellText.QuoteInLine(argument)}"));
        return [.. Encoding.UTF8.GetBytes($"{input} {mark} {locks}{FunctionOf(Script)}{arguments}\n"), .. Input ?? []];
    }

    /// <summary>The shell function of a script. The prefix avoids the names of programs.</summary>
    private static string FunctionOf(string script) => $"vs_{Path.GetFileNameWithoutExtension(script).Replace('-', '_')}";
}

/// <summary>A process on another host that holds a lock for this process.</summary>
/// <param name="ProcessId">The process id.</param>
/// <param name="Name">The argument that identifies it.</param>
internal readonly record struct LockHolder(int ProcessId, string Name);
