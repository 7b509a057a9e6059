using Xunit.Runner.InProc.SystemConsole;

namespace VirtSnapshot.Tests;

/// <summary>The test runner; or, told so, the process that a fault test kills.</summary>
public static class Program
{
    public static async Task<int> Main(string[] args) => args is ["crash-test", .. var request]
        ? Faults.CrashTest.Run(request)
        : await ConsoleRunner.Run(args);
}
