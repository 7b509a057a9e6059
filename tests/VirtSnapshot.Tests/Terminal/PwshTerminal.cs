using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using VirtSnapshot.PowerShell.Commands;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Terminal;

/// <summary>An interactive <c>pwsh</c> on a pseudo-terminal, with the module in it and a libvirt as its default.</summary>
internal sealed partial class PwshTerminal : IDisposable
{
    /// <summary>Ctrl+C.</summary>
    public const string Stop = "\x03";

    private const string Prompt = "ready> ";
    private const string CursorQuestion = "\e[6n";

    // Nothing is typed ahead of the user, and nothing is kept in the history of the machine's own user.
    private const string Setup = "Set-PSReadLineOption -PredictionSource None -HistorySaveStyle SaveNothing; "
        + "Import-Module $env:VIRTSNAPSHOT_TEST_MODULE; function prompt { '" + Prompt + "' }";

    // The terminal has a size, which a pseudo-terminal whose other end is a pipe has not.
    private const string Shell = "stty cols 160 rows 50; exec $VIRTSNAPSHOT_PWSH -NoLogo -NoProfile -NoExit -Command \"$VIRTSNAPSHOT_TEST_SETUP\"";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly Lazy<string> Pwsh = new(FindPwsh);

    private readonly Process process;
    private readonly StringBuilder screen = new();
    private int answered;
    private int read;

    public PwshTerminal(string uri)
    {
        // A test run in the background has SIGINT ignored, and children inherit that.
        ProcessStartInfo start = new("env", ["--default-signal=INT,HUP,TERM", "script", "--quiet", "--flush", "--return", "--command", Shell, "/dev/null"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        start.Environment.Remove("NO_COLOR");
        start.Environment["TERM"] = "xterm";
        start.Environment["LIBVIRT_DEFAULT_URI"] = uri;
        start.Environment["VIRTSNAPSHOT_PWSH"] = Pwsh.Value;
        start.Environment["VIRTSNAPSHOT_TEST_MODULE"] = typeof(NewDiskSnapshotCommand).Assembly.Location;
        start.Environment["VIRTSNAPSHOT_TEST_SETUP"] = Setup;
        process = Process.Start(start)!;
        _ = Task.Run(ReadAll);
        ReadUntil(Prompt);
    }

    public void Dispose()
    {
        // Not killed: a guard that is still needed would go with it.
        Type("exit\r");
        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
        }

        process.Dispose();
    }

    public void Type(string text)
    {
        lock (process)
        {
            process.StandardInput.Write(text);
            process.StandardInput.Flush();
        }
    }

    /// <summary>Types a command, and waits until the prompt is there again.</summary>
    /// <returns>What the terminal shows meanwhile, without colours and the like.</returns>
    public string Run(string command)
    {
        Type(command + "\r");
        return ReadUntilPrompt();
    }

    public string ReadUntilPrompt() => ReadUntil(Prompt);

    /// <summary>Waits for a text, beyond what was read before.</summary>
    /// <returns>Everything up to and with it.</returns>
    public string ReadUntil(string text)
    {
        var waited = Stopwatch.StartNew();
        while (true)
        {
            lock (screen)
            {
                var shown = EscapeSequence().Replace(screen.ToString(read, screen.Length - read), "");
                if (shown.Contains(text, StringComparison.Ordinal))
                {
                    read = screen.Length;
                    return shown;
                }

                Assert.True(waited.Elapsed < Patience, $"The terminal does not show '{text}' but: {shown}");
            }

            Thread.Sleep(20);
        }
    }

    /// <summary>Reads what is written, and answers as a terminal does when it is asked where its cursor is.</summary>
    private async Task ReadAll()
    {
        var buffer = new char[4096];
        while (await process.StandardOutput.ReadAsync(buffer) is > 0 and var count)
        {
            lock (screen)
            {
                screen.Append(buffer, 0, count);
                for (var text = screen.ToString(); text.IndexOf(CursorQuestion, answered, StringComparison.Ordinal) is >= 0 and var at; answered = at + 1)
                {
                    Type("\e[1;1R");
                }
            }
        }
    }

    /// <summary>The command that starts PowerShell: VIRTSNAPSHOT_PWSH, or what the .NET tool's launcher starts, so that signals reach it alone.</summary>
    private static string FindPwsh() => Environment.GetEnvironmentVariable("VIRTSNAPSHOT_PWSH") is { Length: > 0 } given
        ? given
        : $"dotnet {LabScript.RunProgram("sh", "-c", "cd \"$0\" && dotnet pwsh -NoProfile -Command '$PSHOME'", LabScript.Repository).Trim()}/pwsh.dll";

    [GeneratedRegex(@"\e\[[0-9;?]*[A-Za-z]|\e[=>]")]
    private static partial Regex EscapeSequence();
}
