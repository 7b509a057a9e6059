using System.Management.Automation;
using System.Management.Automation.Host;
using System.Management.Automation.Internal;

namespace VirtSnapshot.Shell;

/// <summary>Writes to the standard streams with pwsh's prefixes and colours.</summary>
internal sealed partial class ShellUserInterface : PSHostUserInterface
{
    private const string Reset = "\e[0m";

    private static readonly bool ColourWanted =
        string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")) && Environment.GetEnvironmentVariable("TERM") != "dumb";

    private readonly ConsoleInput _input;
    private readonly StopSwitch _stop;
    private readonly bool _nonInteractive;
    private readonly LineEditor _editor;
    private readonly ProgressLine _progress = new();

    // Cmdlets write from one pipeline thread, but ForEach-Object -Parallel has several pipelines.
    private readonly Lock _lock = new();

    public ShellUserInterface(ConsoleInput input, StopSwitch stop, bool nonInteractive)
    {
        _input = input;
        _stop = stop;
        _nonInteractive = nonInteractive;
        _editor = new LineEditor(input);
        stop.Stopping += EndProgress;
        RawUI = new ShellRawUserInterface(input);
    }

    public override PSHostRawUserInterface RawUI { get; }

    public override bool SupportsVirtualTerminal { get; } = ColourWanted && !Console.IsOutputRedirected;

    /// <summary>Somebody sits at a terminal and may be asked.</summary>
    public bool IsInteractive => !_nonInteractive && ConsoleInput.IsTerminal;

    private static bool ErrorHasColour => ColourWanted && !Console.IsErrorRedirected;

    public override void Write(string value) => Print(Console.Out, Rendered(value, SupportsVirtualTerminal));

    public override void Write(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value) =>
        Write(Coloured(foregroundColor, backgroundColor, value));

    public override void WriteLine() => Print(Console.Out, Environment.NewLine);

    public override void WriteLine(string value) => Write(value + Environment.NewLine);

    // A colour ends before the line does: else a background would run on over the next line.
    public override void WriteLine(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value) =>
        WriteLine(Coloured(foregroundColor, backgroundColor, value));

    public override void WriteErrorLine(string value) => Print(
        Console.Error,
        Rendered(Coloured(PSStyle.Instance.Formatting.Error, value) + Environment.NewLine, ErrorHasColour));

    public override void WriteWarningLine(string message) => WriteMessage(PSStyle.Instance.Formatting.Warning, "WARNING", message);

    public override void WriteVerboseLine(string message) => WriteMessage(PSStyle.Instance.Formatting.Verbose, "VERBOSE", message);

    public override void WriteDebugLine(string message) => WriteMessage(PSStyle.Instance.Formatting.Debug, "DEBUG", message);

    public override void WriteProgress(long sourceId, ProgressRecord record)
    {
        lock (_lock)
        {
            _progress.Update(record);
        }
    }

    /// <summary>Frees the progress line for what others write to the terminal.</summary>
    public void HideProgress()
    {
        lock (_lock)
        {
            _progress.Hide();
        }
    }

    /// <summary>A pipeline has ended, and its progress with it.</summary>
    public void EndProgress()
    {
        lock (_lock)
        {
            _progress.Reset();
        }
    }

    private void WriteMessage(string style, string prefix, string message) =>
        WriteLine(Coloured(style, $"{prefix}: {message}"));

    private void Print(TextWriter stream, string text)
    {
        lock (_lock)
        {
            _progress.Hide();
            stream.Write(text);
        }
    }

    private string Coloured(ConsoleColor foreground, ConsoleColor background, string text)
    {
        // The default background is the terminal's own, whatever its colour.
        string style = PSStyle.MapForegroundColorToEscapeSequence(foreground);
        return Coloured(background == RawUI.BackgroundColor ? style : style + PSStyle.MapBackgroundColorToEscapeSequence(background), text);
    }

    // Escape sequences are also in what formatting made and in what scripts write: whoever reads a file wants none of them.
    private static string Rendered(string text, bool colour) =>
        colour || !text.Contains('\e', StringComparison.Ordinal) ? text : new StringDecorated(text).ToString(OutputRendering.PlainText);

    private static string Coloured(string style, string text) => $"{style}{text}{Reset}";
}
