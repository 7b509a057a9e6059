using System.Diagnostics;
using System.Management.Automation;

namespace VirtSnapshot.Shell;

/// <summary>The progress of the innermost activity, on one line of the terminal's error output.</summary>
internal sealed class ProgressLine
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private const int BarWidth = 24;

    private readonly bool _enabled = !Console.IsErrorRedirected;
    private readonly List<ProgressRecord> _activities = [];
    private readonly Stopwatch _sinceDrawn = Stopwatch.StartNew();
    private bool _drawn;

    public void Update(ProgressRecord record)
    {
        if (!_enabled)
        {
            return;
        }

        int index = _activities.FindIndex(a => a.ActivityId == record.ActivityId);
        bool completed = record.RecordType == ProgressRecordType.Completed;
        if (completed || index < 0)
        {
            if (index >= 0)
            {
                _activities.RemoveAt(index);
            }

            if (!completed)
            {
                _activities.Add(record);
            }
        }
        else
        {
            _activities[index] = record;
        }

        if (_activities.Count == 0)
        {
            Hide();
        }
        else if (!_drawn || completed || _sinceDrawn.Elapsed >= Interval)
        {
            Draw(_activities[^1]);
        }
    }

    /// <summary>Frees the line for other output; the next update draws it again.</summary>
    public void Hide()
    {
        if (_drawn)
        {
            Console.Error.Write("\r\e[K");
            _drawn = false;
        }
    }

    /// <summary>Forgets what a stopped or failed pipeline left unfinished.</summary>
    public void Reset()
    {
        Hide();
        _activities.Clear();
    }

    private void Draw(ProgressRecord record)
    {
        string text = record.Activity;
        if (record.PercentComplete is >= 0 and <= 100)
        {
            int full = record.PercentComplete * BarWidth / 100;
            text += $" [{new string('#', full)}{new string('.', BarWidth - full)}] {record.PercentComplete}%";
        }

        if (record.SecondsRemaining >= 0)
        {
            text += $" {TimeSpan.FromSeconds(record.SecondsRemaining):c}";
        }

        text = $"{text} {record.StatusDescription} {record.CurrentOperation}".ReplaceLineEndings(" ").TrimEnd();
        int width = Console.WindowWidth > 1 ? Console.WindowWidth - 1 : 79;
        if (text.Length > width)
        {
            text = text[..width];
        }

        // Without wrapping, a text wider than it has characters cannot spill over to a line that is never erased.
        Console.Error.Write($"\r\e[?7l{text}\e[K\e[?7h");
        _drawn = true;
        _sinceDrawn.Restart();
    }
}
