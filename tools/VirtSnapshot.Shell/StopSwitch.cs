using System.Collections.ObjectModel;
using System.Management.Automation;

namespace VirtSnapshot.Shell;

/// <summary>
/// The one way by which running work is stopped: Ctrl+C and signals switch it off, the session runs its pipelines under it.
/// A pipeline is only ever asked to stop; its cmdlets finish their clean-up, however long that takes.
/// </summary>
internal sealed class StopSwitch : IDisposable
{
    private readonly Lock _lock = new();
    private readonly bool _interactive;
    private CancellationTokenSource _cancellation = new();
    private PowerShell? _running;

    public StopSwitch(bool interactive) => _interactive = interactive;

    /// <summary>It was switched off, and whatever runs is about to end.</summary>
    public event Action? Stopping;

    /// <summary>The signal that switched it off.</summary>
    public int? Signal { get; private set; }

    /// <summary>Cancelled when it is switched off: for whatever waits outside the engine, such as a prompt.</summary>
    public CancellationToken Token => _cancellation.Token;

    /// <summary>Runs a pipeline, or a nested one inside of it, unless it is already switched off.</summary>
    /// <exception cref="PipelineStoppedException">It was stopped.</exception>
    public Collection<PSObject> Run(PowerShell pipeline, PSInvocationSettings? settings)
    {
        PowerShell? outer;
        lock (_lock)
        {
            if (Signal is not null)
            {
                throw new PipelineStoppedException();
            }

            outer = _running;
            _running = pipeline;
        }

        // A pipeline asked to stop before it runs forgets that: it is asked again as soon as it does.
        pipeline.InvocationStateChanged += StopIfAsked;
        try
        {
            return pipeline.Invoke(input: null, settings);
        }
        finally
        {
            pipeline.InvocationStateChanged -= StopIfAsked;
            lock (_lock)
            {
                _running = outer;
            }
        }
    }

    /// <summary>Switches off. What is about to run is stopped, too: Ctrl+C can be faster than the command before it.</summary>
    /// <returns>Whether there is anything that will end because of it.</returns>
    public bool Request(int signal)
    {
        lock (_lock)
        {
            if (_running is null && _interactive && signal != StopSignals.Interrupt)
            {
                return false;
            }

            if (Signal is not null)
            {
                if (_running is not null)
                {
                    Console.Error.WriteLine("Stopping; a command is still cleaning up.");
                }

                return true;
            }

            Signal = signal;
            Stopping?.Invoke();
            _cancellation.Cancel();
            if (_running is { InvocationStateInfo.State: not PSInvocationState.NotStarted } running)
            {
                running.BeginStop(null, null);
            }

            return true;
        }
    }

    /// <summary>Switches on again, for the next command of an interactive session.</summary>
    public void Reset()
    {
        lock (_lock)
        {
            if (Signal is null)
            {
                return;
            }

            Signal = null;
            _cancellation.Dispose();
            _cancellation = new CancellationTokenSource();
        }
    }

    public void Dispose() => _cancellation.Dispose();

    private void StopIfAsked(object? sender, PSInvocationStateChangedEventArgs change)
    {
        if (change.InvocationStateInfo.State != PSInvocationState.Running)
        {
            return;
        }

        lock (_lock)
        {
            if (Signal is not null)
            {
                ((PowerShell)sender!).BeginStop(null, null);
            }
        }
    }
}
