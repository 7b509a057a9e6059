using System.Runtime.InteropServices;

namespace VirtSnapshot.Shell;

/// <summary>Takes the signals that ask a process to end, and stops the running pipeline in place of dying at once.</summary>
internal sealed partial class StopSignals : IDisposable
{
    public const int Interrupt = 2;

    private const nint Default = 0;

    private readonly PosixSignalRegistration[] _registrations;

    public StopSignals(StopSwitch stop, bool interactive)
    {
        // Whatever a script starts with '&' has SIGINT ignored, and so have all who are started by that. A signal that was
        // ignored at the start is never handled by the runtime; but somebody at a prompt must be able to stop a command.
        if (interactive && ConsoleInput.IsTerminal)
        {
            SetSignal(Interrupt, Default);
        }

        _registrations =
        [
            Register(PosixSignal.SIGHUP, 1),
            Register(PosixSignal.SIGINT, Interrupt),
            Register(PosixSignal.SIGTERM, 15),
        ];

        // At an idle prompt nothing needs cleaning up: SIGHUP and SIGTERM do there what they always do.
        PosixSignalRegistration Register(PosixSignal signal, int number) => PosixSignalRegistration.Create(
            signal,
            context => context.Cancel = stop.Request(number));
    }

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }
    }

    [LibraryImport("libc", EntryPoint = "signal")]
    private static partial nint SetSignal(int number, nint handler);
}
