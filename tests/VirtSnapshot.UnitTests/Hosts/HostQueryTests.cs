using System.Diagnostics;
using System.Text;
using VirtSnapshot.Hosts;
using Xunit;

namespace VirtSnapshot.UnitTests.Hosts;

/// <summary>Questions to the worker, which runs on this machine here, in each shell that may be another host's <c>sh</c>.</summary>
public sealed class HostQueryTests
{
    private const string Mark = "vs-MARK";

    public static TheoryData<string> Shells => ["dash", "bash", "busybox sh"];

    [Theory]
    [MemberData(nameof(Shells))]
    public void Every_character_reaches_the_script_unchanged(string shell)
    {
        // Shells mark quoted characters internally with the bytes 0x81 to 0x88.
        var text = string.Concat(Enumerable.Range(1, 0x2ff).Select(code => (char)code)) + "\n\n😀 \\ ";
        var (output, errors) = Ask(shell, Question("run.sh", "printf", "%s", text));
        Assert.Equal(($"{Mark}{text}{Mark}", $"{Mark}{Mark}0\n"), (output, errors));
    }

    [Theory]
    [MemberData(nameof(Shells))]
    public void A_question_that_was_cut_off_is_not_run(string shell)
    {
        var whole = Question("run.sh", "echo", "one", "two");
        Assert.Equal($"{Mark}one two\n{Mark}", Ask(shell, whole).Output);
        for (var length = whole.Length - 1; length > 0; length -= 5)
        {
            Assert.Equal((length, ("", "")), (length, Ask(shell, whole[..length])));
        }
    }

    [Theory]
    [MemberData(nameof(Shells))]
    public void Without_its_lock_a_question_is_not_run(string shell)
    {
        var question = new HostQuery("run.sh", ["echo", "one"], null, [new LockHolder(Environment.ProcessId, "no such lock")]);
        var (output, errors) = Ask(shell, question.ToBytes(Mark, takesWholeInput: false));
        Assert.Equal(($"{Mark}{Mark}", $"{Mark}MARK unlocked{Mark}1\n"), (output, errors));
    }

    [Theory]
    [MemberData(nameof(Shells))]
    public void What_a_script_leaves_of_its_input_is_not_the_next_question(string shell)
    {
        var input = Encoding.ASCII.GetBytes($"0 {Mark} echo injected\n");
        var question = new HostQuery("run.sh", ["echo", "one"], input, []).ToBytes(Mark, takesWholeInput: false);
        Assert.Equal($"{Mark}one\n{Mark}{Mark}two\n{Mark}", Ask(shell, [.. question, .. Question("run.sh", "echo", "two")]).Output);
    }

    private static byte[] Question(string script, params string[] arguments) => new HostQuery(script, arguments, null, [])
        .ToBytes(Mark, takesWholeInput: false);

    private static (string Output, string Errors) Ask(string shell, byte[] questions)
    {
        var words = shell.Split(' ');
        var start = new ProcessStartInfo(words[0], [.. words[1..], "-c", HostQuery.Worker, "worker"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
        };
        using var process = Process.Start(start)!;
        process.StandardInput.BaseStream.Write(questions);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        process.WaitForExit();
        return (output.Result, errors.Result);
    }
}
