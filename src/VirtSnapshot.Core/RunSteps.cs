namespace VirtSnapshot;

/// <summary>Where a test can end the process, to prove that nothing is lost wherever it dies.</summary>
internal static class RunSteps
{
    public static Action<RunStep>? Observer { get; set; }

    public static void Reached(RunStep step) => Observer?.Invoke(step);
}
