using System.Management.Automation;
using System.Text;

namespace VirtSnapshot.Shell;

/// <summary>One line from a terminal: cursor keys, history, and completion with Tab.</summary>
internal sealed class LineEditor(ConsoleInput input, Func<string, int, CommandCompletion>? complete = null)
{
    private readonly List<string> _history = [];
    private readonly StringBuilder _text = new();
    private string _prompt = "";
    private int _cursor;
    private int _drawnRow;
    private CommandCompletion? _completion;

    // Where standard output goes to a file, the terminal is still there behind standard error.
    private static TextWriter Screen => Console.IsOutputRedirected ? Console.Error : Console.Out;

    /// <summary>Reads a line; <see langword="null"/> when Ctrl+D ends the input.</summary>
    /// <param name="prompt">Printed before the line; it is part of what is redrawn.</param>
    /// <param name="mask">Shows stars in place of the text.</param>
    /// <param name="cancellation">Gives the reading up.</param>
    /// <exception cref="OperationCanceledException">Ctrl+C was typed, or the reading was given up.</exception>
    public string? ReadLine(string prompt, bool mask, CancellationToken cancellation)
    {
        string? line = Edit(prompt, mask, cancellation);

        // Typed after the line's end, but before the terminal made a signal of it again.
        return input.TakeInterrupt() ? throw new OperationCanceledException() : line;
    }

    private string? Edit(string prompt, bool mask, CancellationToken cancellation)
    {
        (_prompt, _cursor, _drawnRow, _completion) = (prompt, 0, 0, null);
        _text.Clear();
        int entry = _history.Count;

        Console.TreatControlCAsInput = true;
        try
        {
            while (true)
            {
                Draw(mask);
                ConsoleKeyInfo key = input.ReadKey(cancellation);
                if (key.Key != ConsoleKey.Tab)
                {
                    _completion = null;
                }

                switch (key)
                {
                    case { Key: ConsoleKey.Enter }:
                        return Accept(mask);
                    case var _ when ConsoleInput.IsInterrupt(key):
                        throw new OperationCanceledException();
                    case { Key: ConsoleKey.D, Modifiers: ConsoleModifiers.Control } when _text.Length == 0:
                        return null;
                    case { Key: ConsoleKey.U, Modifiers: ConsoleModifiers.Control }:
                        Replace("");
                        break;
                    case { Key: ConsoleKey.Tab } when !mask:
                        Complete(backward: key.Modifiers.HasFlag(ConsoleModifiers.Shift));
                        break;
                    case { Key: ConsoleKey.UpArrow } when !mask && entry > 0:
                        Replace(_history[--entry]);
                        break;
                    case { Key: ConsoleKey.DownArrow } when !mask && entry < _history.Count:
                        Replace(++entry < _history.Count ? _history[entry] : "");
                        break;
                    case { Key: ConsoleKey.Backspace } when _cursor > 0:
                        _text.Remove(--_cursor, 1);
                        break;
                    case { Key: ConsoleKey.Delete } when _cursor < _text.Length:
                        _text.Remove(_cursor, 1);
                        break;
                    case { Key: ConsoleKey.LeftArrow }:
                        _cursor = Math.Max(0, _cursor - 1);
                        break;
                    case { Key: ConsoleKey.RightArrow }:
                        _cursor = Math.Min(_text.Length, _cursor + 1);
                        break;
                    case { Key: ConsoleKey.Home } or { Key: ConsoleKey.A, Modifiers: ConsoleModifiers.Control }:
                        _cursor = 0;
                        break;
                    case { Key: ConsoleKey.End } or { Key: ConsoleKey.E, Modifiers: ConsoleModifiers.Control }:
                        _cursor = _text.Length;
                        break;
                    case { KeyChar: >= ' ' and not '\x7f' }:
                        _text.Insert(_cursor++, key.KeyChar);
                        break;
                }
            }
        }
        finally
        {
            Console.TreatControlCAsInput = false;
            _cursor = _text.Length;
            Draw(mask);
            Screen.WriteLine();
        }
    }

    private string Accept(bool mask)
    {
        string line = _text.ToString();
        if (!mask && line.Length > 0 && (_history.Count == 0 || _history[^1] != line))
        {
            _history.Add(line);
        }

        return line;
    }

    private void Replace(string text)
    {
        _text.Clear().Append(text);
        _cursor = text.Length;
    }

    // A second Tab goes on through the same matches, in place of the one before.
    private void Complete(bool backward)
    {
        string? previous = null;
        if (_completion is null)
        {
            _completion = complete?.Invoke(_text.ToString(), _cursor);
        }
        else
        {
            previous = _completion.CompletionMatches[_completion.CurrentMatchIndex].CompletionText;
        }

        if (_completion?.GetNextResult(!backward) is not { } match)
        {
            _completion = null;
            return;
        }

        int start = _completion.ReplacementIndex;
        _text.Remove(start, previous?.Length ?? _completion.ReplacementLength).Insert(start, match.CompletionText);
        _cursor = start + match.CompletionText.Length;
    }

    private void Draw(bool mask)
    {
        int width = Console.WindowWidth > 0 ? Console.WindowWidth : 80;
        string text = mask ? new string('*', _text.Length) : _text.ToString();
        int end = _prompt.Length + text.Length;
        int cursor = _prompt.Length + _cursor;

        StringBuilder draw = new();
        Up(draw, _drawnRow).Append("\r\e[J").Append(_prompt).Append(text);
        if (end % width == 0)
        {
            // A terminal waits at the end of a full row; the arithmetic below wants it on the next one.
            draw.Append("\r\n");
        }

        _drawnRow = cursor / width;
        Up(draw, (end / width) - _drawnRow).Append('\r');
        if (cursor % width > 0)
        {
            draw.Append("\e[").Append(cursor % width).Append('C');
        }

        Screen.Write(draw);
    }

    private static StringBuilder Up(StringBuilder draw, int rows) => rows > 0 ? draw.Append("\e[").Append(rows).Append('A') : draw;
}
