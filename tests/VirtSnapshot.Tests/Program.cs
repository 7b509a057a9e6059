using Xunit.Runner.InProc.SystemConsole;

namespace VirtSnapshot.Tests;

/// <summary>The test runner; or, told so, the process that a fault test kills.</summary>
public static class Program
{
    public static async Task<int> Main(string[] args) => args is ["victim", .. var order]
        ? Faults.Victim.Run(order)
        : await ConsoleRunner.Run(args);
}
