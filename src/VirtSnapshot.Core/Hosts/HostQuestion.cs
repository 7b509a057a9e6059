using System.Text;

namespace VirtSnapshot.Hosts;

/// <summary>Something that one of our scripts is to do or find out on another host.</summary>
/// <param name="Script">The script's name.</param>
/// <param name="Arguments">Its arguments.</param>
/// <param name="Input">What it reads.</param>
/// <param name="Holders">The locks without which it must not be run.</param>
internal sealed record HostQuestion(string Script, IReadOnlyList<string> Arguments, byte[]? Input, IReadOnlyList<LockHolder> Holders)
{
    /// <summary>As the shell over there reads it.</summary>
    public byte[] ToBytes(string mark)
    {
        var holders = string.Concat(Holders.Select(holder => $"{holder.ProcessId} {holder.Name}\n"));
        var body = HostScriptText.Read("ask.sh").Replace("@BODY@", HostScriptText.Read(Script), StringComparison.Ordinal);
        return Encoding.UTF8.GetBytes($"mark={ShellText.Quote(mark)}\nholders={ShellText.Quote(holders)}\nset -- {ShellText.Join(Arguments)}\n{body}");
    }
}
