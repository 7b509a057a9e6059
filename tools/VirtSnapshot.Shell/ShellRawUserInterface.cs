using System.Management.Automation.Host;

namespace VirtSnapshot.Shell;

/// <summary>The terminal's size and title. Reading the screen back is not possible on a Unix terminal.</summary>
internal sealed class ShellRawUserInterface(ConsoleInput input) : PSHostRawUserInterface
{
    // What pwsh takes for output that goes to a file or a pipe.
    private static readonly Size NoTerminal = new(120, 50);

    public override ConsoleColor ForegroundColor { get; set; } = ConsoleColor.Gray;

    public override ConsoleColor BackgroundColor { get; set; } = ConsoleColor.Black;

    public override Size BufferSize { get => WindowSize; set => throw Unsupported(); }

    // A terminal may say that it has no columns (a serial line, an expect script): formatting would then divide by them.
    public override Size WindowSize
    {
        get => Console.IsOutputRedirected || Console.WindowWidth <= 0 || Console.WindowHeight <= 0
            ? NoTerminal
            : new(Console.WindowWidth, Console.WindowHeight);
        set => throw Unsupported();
    }

    public override Size MaxWindowSize => WindowSize;

    public override Size MaxPhysicalWindowSize => WindowSize;

    public override Coordinates WindowPosition { get => new(0, 0); set => throw Unsupported(); }

    public override Coordinates CursorPosition
    {
        get => Console.IsOutputRedirected || Console.IsInputRedirected ? new(0, 0) : new(Console.CursorLeft, Console.CursorTop);
        set => Console.SetCursorPosition(value.X, value.Y);
    }

    public override int CursorSize { get => 25; set => throw Unsupported(); }

    public override bool KeyAvailable => ConsoleInput.IsTerminal && input.KeyAvailable;

    public override string WindowTitle { get; set; } = "";

    public override KeyInfo ReadKey(ReadKeyOptions options)
    {
        if (Console.IsInputRedirected)
        {
            throw Unsupported();
        }

        ConsoleKeyInfo key = input.ReadKey(CancellationToken.None);
        if ((options & ReadKeyOptions.NoEcho) == 0)
        {
            Console.Write(key.KeyChar);
        }

        return new KeyInfo((int)key.Key, key.KeyChar, default, keyDown: true);
    }

    public override void FlushInputBuffer()
    {
        while (KeyAvailable)
        {
            input.ReadKey(CancellationToken.None);
        }
    }

    public override BufferCell[,] GetBufferContents(Rectangle rectangle) => throw Unsupported();

    public override void SetBufferContents(Coordinates origin, BufferCell[,] contents) => throw Unsupported();

    public override void SetBufferContents(Rectangle rectangle, BufferCell fill)
    {
        // Clear-Host on other platforms asks for exactly this.
        if (rectangle is not { Left: -1, Top: -1, Right: -1, Bottom: -1 })
        {
            throw Unsupported();
        }

        Console.Clear();
    }

    public override void ScrollBufferContents(Rectangle source, Coordinates destination, Rectangle clip, BufferCell fill) => throw Unsupported();

    private static NotSupportedException Unsupported() => new("This terminal operation is not available in VirtSnapshot.Shell.");
}
