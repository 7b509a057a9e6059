using System.Diagnostics;

namespace VirtSnapshot.Tests.Shell;

/// <summary>The published shell, run as a process of its own, as cron would.</summary>
internal sealed class ShellProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly Task<string> _error;

    private ShellProcess(string program, IEnumerable<string> arguments)
    {
        ProcessStartInfo start = new(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove("NO_COLOR");
        start.Environment["TERM"] = "xterm";
        _process = System.Diagnostics.Process.Start(start)!;
        _error = _process.StandardError.ReadToEndAsync();
    }

    /// <summary>tools/VirtSnapshot.Shell/publish.sh puts it there, as the Test task of build.ps1 has done.</summary>
    public static string Program { get; } = Path.Combine(FindRoot(), "out/VirtSnapshot.Shell/VirtSnapshot.Shell");

    /// <summary>Runs the shell to its end.</summary>
    public static ShellResult Run(string[] arguments, string input = "")
    {
        using ShellProcess shell = Start(arguments);
        return shell.Finish(input);
    }

    /// <summary>Starts the shell. Whoever runs the tests in the background has SIGINT ignored, or by nohup SIGHUP, which children inherit.</summary>
    public static ShellProcess Start(params string[] arguments) => new("env", ["--default-signal=INT,HUP,TERM", Program, .. arguments]);

    /// <summary>Starts the shell on a pseudo terminal; what is written to its standard input is typed there.</summary>
    public static ShellProcess StartOnTerminal(params string[] arguments) => new("env", ["--default-signal=INT,HUP,TERM", .. OnTerminal(arguments)]);

    /// <summary>Starts the shell on a pseudo terminal as whoever was started with '&amp;' by a script does: with SIGINT ignored.</summary>
    public static ShellProcess StartOnTerminalFromBackground() => new("env", ["--ignore-signal=INT", .. OnTerminal([])]);

    public void Type(string text)
    {
        _process.StandardInput.Write(text);
        _process.StandardInput.Flush();
    }

    /// <summary>Reads output until a line, or a terminal's unfinished line, has the text.</summary>
    public string ReadUntil(string text)
    {
        string seen = "";
        char[] buffer = new char[1024];
        while (!seen.Contains(text, StringComparison.Ordinal))
        {
            Task<int> read = _process.StandardOutput.ReadAsync(buffer, 0, buffer.Length);
            if (!read.Wait(Patience) || read.Result == 0)
            {
                throw new InvalidOperationException($"The shell did not write '{text}' but: {seen}");
            }

            seen += new string(buffer, 0, read.Result);
        }

        return seen;
    }

    public void Signal(string name)
    {
        using Process kill = System.Diagnostics.Process.Start("kill", [$"-{name}", $"{_process.Id}"]);
        kill.WaitForExit();
    }

    /// <summary>Sends a signal to the shell behind its terminal alone.</summary>
    public void SignalShell(string name)
    {
        // The terminal's program has replaced 'env', and the shell is its child.
        using Process kill = System.Diagnostics.Process.Start("pkill", [$"-{name}", "-P", $"{_process.Id}"]);
        kill.WaitForExit();
    }

    public ShellResult Finish(string input = "")
    {
        _process.StandardInput.Write(input);
        _process.StandardInput.Close();
        Task<string> output = _process.StandardOutput.ReadToEndAsync();
        if (!_process.WaitForExit(Patience))
        {
            _process.Kill(entireProcessTree: true);
            throw new TimeoutException("The shell did not end.");
        }

        return new ShellResult(_process.ExitCode, output.Result, _error.Result);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }

    private static string[] OnTerminal(string[] arguments) =>
        ["script", "--quiet", "--return", "--command", string.Join(' ', ["exec", Program, .. arguments]), "/dev/null"];

    private static string FindRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "build.ps1")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new DirectoryNotFoundException($"No build.ps1 above {AppContext.BaseDirectory}");
    }
}
