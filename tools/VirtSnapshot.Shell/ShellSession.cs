using System.Management.Automation;
using System.Management.Automation.Internal;
using System.Management.Automation.Language;
using System.Management.Automation.Runspaces;

namespace VirtSnapshot.Shell;

/// <summary>One runspace, and what the command line asked to be done in it.</summary>
internal sealed class ShellSession : IDisposable
{
    private readonly ConsoleInput _input = new();
    private readonly StopSwitch _stop;
    private readonly StopSignals _signals;
    private readonly ShellUserInterface _ui;
    private readonly ShellHost _host;
    private readonly Runspace _runspace;
    private LineEditor? _editor;

    public ShellSession(bool interactive, bool nonInteractive)
    {
        _stop = new StopSwitch(interactive);
        _signals = new StopSignals(_stop, interactive);
        _ui = new ShellUserInterface(_input, _stop, nonInteractive);
        _host = new ShellHost(_ui, () => Interact(nested: true));

        // CreateDefault would load Microsoft.PowerShell.Utility and its like, which the engine's package does not have.
        InitialSessionState state = InitialSessionState.CreateDefault2();
        state.Commands.Remove("Out-Default", typeof(SessionStateCmdletEntry));
        state.Commands.Add(new SessionStateCmdletEntry("Out-Default", typeof(OutDefault), helpFileName: null));
        _runspace = RunspaceFactory.CreateRunspace(_host, state);
        _runspace.ThreadOptions = PSThreadOptions.ReuseThread;
        _runspace.Open();
        Runspace.DefaultRunspace = _runspace;
    }

    /// <summary>Runs a script file, or the script on standard input.</summary>
    /// <returns>The exit code: what the script's <c>exit</c> says, 1 after a terminating error.</returns>
    public int RunFile(string path, IReadOnlyList<string> arguments)
    {
        Command script = path == ShellOptions.StandardInput
            ? new Command(Console.In.ReadToEnd(), isScript: true, useLocalScope: false)
            : new Command(path, isScript: false, useLocalScope: false);
        foreach (CommandParameter parameter in ScriptArguments.Parse(arguments))
        {
            script.Parameters.Add(parameter);
        }

        EngineInternals.LetNextScriptExit(_runspace);
        return ExitCodeOf(Execute(script));
    }

    /// <summary>Runs a command's text.</summary>
    /// <returns>The exit code: what its <c>exit</c> says, else 0 or 1 as <c>$?</c> says.</returns>
    public int RunCommand(string text)
    {
        if (text == ShellOptions.StandardInput)
        {
            text = Console.In.ReadToEnd();
        }

        bool completed = Execute(new Command(text, isScript: true, useLocalScope: false));
        return ExitCodeOf(completed && OutDefault.Succeeded);
    }

    /// <summary>Reads commands from the terminal and runs them, until <c>exit</c> or Ctrl+D.</summary>
    /// <returns>The exit code: what <c>exit</c> says.</returns>
    public int RunInteractive()
    {
        Interact(nested: false);
        return _host.ExitCode ?? ExitCode.Success;
    }

    public void Dispose()
    {
        _runspace.Dispose();
        _signals.Dispose();
        _stop.Dispose();
    }

    private int ExitCodeOf(bool success) =>
        _stop.Signal is int signal ? ExitCode.SignalBase + signal
        : _host.ExitCode ?? (success ? ExitCode.Success : ExitCode.Failure);

    private void Interact(bool nested)
    {
        _editor ??= new LineEditor(_input, Complete);
        while (!_host.LeavesPrompt)
        {
            string? text = null;
            try
            {
                text = ReadCommand(nested);
                if (text is null)
                {
                    return;
                }
            }
            catch (OperationCanceledException)
            {
                // Ctrl+C at the prompt drops the line.
                _stop.Reset();
                continue;
            }

            Execute(new Command(text, isScript: true, useLocalScope: false), nested, addToHistory: true);
            _stop.Reset();
        }
    }

    private string? ReadCommand(bool nested)
    {
        string? text = _editor!.ReadLine(PromptText(nested), mask: false, _stop.Token);
        while (text is not null && IsIncomplete(text))
        {
            // An empty line ends the waiting: what is wrong will then be said by the parser.
            if (_editor.ReadLine(">> ", mask: false, _stop.Token) is not { Length: > 0 } line)
            {
                break;
            }

            text += Environment.NewLine + line;
        }

        return text;
    }

    private static bool IsIncomplete(string text)
    {
        Parser.ParseInput(text, out _, out ParseError[] errors);
        return errors.Any(e => e.IncompleteInput);
    }

    // The 'prompt' function is the user's to redefine; only its last line can be redrawn by the editor.
    private string PromptText(bool nested)
    {
        using PowerShell pipeline = CreatePipeline(nested);
        string prompt;
        try
        {
            prompt = string.Concat(_stop.Run(pipeline.AddCommand("prompt"), settings: null));
        }
        catch (RuntimeException)
        {
            prompt = "PS> ";
        }

        int lastLine = prompt.LastIndexOf('\n') + 1;
        _ui.Write(prompt[..lastLine]);
        return new StringDecorated(prompt[lastLine..]).ToString(OutputRendering.PlainText);
    }

    private CommandCompletion Complete(string text, int cursor)
    {
        using PowerShell pipeline = CreatePipeline(nested: _runspace.RunspaceAvailability != RunspaceAvailability.Available);
        return CommandCompletion.CompleteInput(text, cursor, options: null, pipeline);
    }

    private bool Execute(Command command, bool nested = false, bool addToHistory = false)
    {
        using PowerShell pipeline = CreatePipeline(nested);

        // Errors go down the same way as output, so that both are shown in the order in which they were written.
        command.MergeMyResults(PipelineResultTypes.Error, PipelineResultTypes.Output);
        pipeline.Commands.AddCommand(command);
        pipeline.AddCommand("Out-Default");
        try
        {
            _stop.Run(pipeline, new PSInvocationSettings { AddToHistory = addToHistory });
            return true;
        }
        catch (PipelineStoppedException)
        {
            return false;
        }
        catch (RuntimeException e)
        {
            _ui.EndProgress();

            // A parse error's record has only the first error, and no place; its exception has all of both.
            Show(e is ParseException ? new ErrorRecord(e.ErrorRecord, e) : e.ErrorRecord, nested);
            return false;
        }
        finally
        {
            _ui.EndProgress();
        }
    }

    private void Show(ErrorRecord error, bool nested)
    {
        using PowerShell pipeline = CreatePipeline(nested);
        pipeline.AddCommand("Out-Default").Invoke(new[] { EngineInternals.AsError(error) });
    }

    private PowerShell CreatePipeline(bool nested)
    {
        if (nested)
        {
            return PowerShell.Create(RunspaceMode.CurrentRunspace);
        }

        PowerShell pipeline = PowerShell.Create();
        pipeline.Runspace = _runspace;
        return pipeline;
    }
}
