using System.Runtime.InteropServices;

namespace VirtSnapshot.Shell;

/// <summary>Takes the signals that ask a process to end, and stops the running pipeline in place of dying at once.</summary>
internal sealed class StopSignals : IDisposable
{
    public const int Interrupt = 2;

    private readonly PosixSignalRegistration[] _registrations;

    public StopSignals(StopSwitch stop)
    {
        _registrations =
        [
            Register(PosixSignal.SIGHUP, 1),
            Register(PosixSignal.SIGINT, Interrupt),
            Register(PosixSignal.SIGTERM, 15),
        ];

        // At an idle prompt nothing needs cleaning up: SIGHUP and SIGTERM do there what they always do.
        PosixSignalRegistration Register(PosixSignal signal, int number) => PosixSignalRegistration.Create(
            signal,
            context => context.Cancel = stop.Request(number) || signal == PosixSignal.SIGINT);
    }

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }
    }
}
