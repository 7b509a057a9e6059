namespace VirtSnapshot.Shell;

/// <summary>What the process ends with when the script itself does not say.</summary>
internal static class ExitCode
{
    public const int Success = 0;
    public const int Failure = 1;

    /// <summary>The command line was not understood: EX_USAGE of sysexits.h, as pwsh has it.</summary>
    public const int Usage = 64;

    /// <summary>A process ended by signal N ends with 128 + N, as shells have it.</summary>
    public const int SignalBase = 128;
}
