using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Host;

namespace VirtSnapshot.Shell;

/// <summary>What the engine sees of this program.</summary>
internal sealed class ShellHost(ShellUserInterface ui, Action nestedPrompt) : PSHost
{
    private int _nestedPrompts;
    private int? _nestedPromptToLeave;

    public override string Name => "VirtSnapshot.Shell";

    public override Version Version { get; } = typeof(ShellHost).Assembly.GetName().Version!;

    public override Guid InstanceId { get; } = Guid.NewGuid();

    public override PSHostUserInterface UI => ui;

    public override CultureInfo CurrentCulture => CultureInfo.CurrentCulture;

    public override CultureInfo CurrentUICulture => CultureInfo.CurrentUICulture;

    /// <summary>What the script's <c>exit</c> said; <see langword="null"/> while there was none.</summary>
    public int? ExitCode { get; private set; }

    /// <summary>The prompt being read is to be left: by <c>exit</c>, or by <c>$Host.ExitNestedPrompt()</c>.</summary>
    public bool LeavesPrompt => ExitCode is not null || _nestedPromptToLeave == _nestedPrompts;

    public override void SetShouldExit(int exitCode) => ExitCode = exitCode;

    /// <summary>The "Suspend" answer of a confirmation: a prompt inside the running pipeline, until its <c>exit</c>.</summary>
    public override void EnterNestedPrompt()
    {
        if (!ui.IsInteractive)
        {
            throw new PSInvalidOperationException("A nested prompt needs a terminal.");
        }

        _nestedPrompts++;
        try
        {
            nestedPrompt();
        }
        finally
        {
            _nestedPrompts--;
            _nestedPromptToLeave = null;
            ExitCode = null;
        }
    }

    public override void ExitNestedPrompt() => _nestedPromptToLeave = _nestedPrompts;

    // The program writes to the terminal itself, past this host.
    public override void NotifyBeginApplication() => ui.HideProgress();

    public override void NotifyEndApplication()
    {
    }
}
