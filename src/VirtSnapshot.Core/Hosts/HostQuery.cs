using System.Text;

namespace VirtSnapshot.Hosts;

/// <summary>Something that one of our scripts is to do or find out on another host.</summary>
/// <param name="Script">The script's name.</param>
/// <param name="Arguments">Its arguments.</param>
/// <param name="Input">What it reads.</param>
/// <param name="Holders">The locks without which it must not be run.</param>
internal sealed record HostQuery(string Script, IReadOnlyList<string> Arguments, byte[]? Input, IReadOnlyList<LockHolder> Holders)
{
    private static readonly string[] Scripts = ["connect.sh", "create-file.sh", "list-files.sh", "query-files.sh", "open-files.sh", "run.sh", "run-stoppable.sh"];

    /// <summary>The script that answers questions on the other host. It contains all other scripts, so that a question only names one.</summary>
    public static string Worker { get; } = HostScriptText.Read("worker.sh").Replace(
        "@SCRIPTS@",
        string.Join('\n', Scripts.Select(script => $"{FunctionOf(script)}() {{\n{HostScriptText.Read(script)}\n}}")),
        StringComparison.Ordinal);

    /// <summary>As <c>worker.sh</c> reads it.</summary>
    /// <param name="mark">What the answer begins and ends with.</param>
    /// <param name="readsOurs">Whether its input is all that is written from now on.</param>
    public byte[] ToBytes(string mark, bool readsOurs)
    {
        var input = readsOurs ? "-" : $"{Input?.Length ?? 0}";
        var locks = string.Concat(Holders.Select(holder => $"vs_locked {holder.ProcessId} {ShellText.QuoteInLine(holder.Name)}; "));
        var arguments = string.Concat(Arguments.Select(argument => $" {ShellText.QuoteInLine(argument)}"));
        return [.. Encoding.UTF8.GetBytes($"{input} {mark} {locks}{FunctionOf(Script)}{arguments}\n"), .. Input ?? []];
    }

    /// <summary>No program has such a name, which a script may be asked to run.</summary>
    private static string FunctionOf(string script) => $"vs_{Path.GetFileNameWithoutExtension(script).Replace('-', '_')}";
}

/// <summary>The process on another host that holds a lock of ours.</summary>
/// <param name="ProcessId">The process.</param>
/// <param name="Name">What it alone has among its arguments.</param>
internal readonly record struct LockHolder(int ProcessId, string Name);
