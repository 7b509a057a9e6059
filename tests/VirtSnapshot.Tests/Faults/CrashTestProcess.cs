using System.Diagnostics;
using System.Text.Json;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>A crash-test process, seen from the test.</summary>
internal sealed class CrashTestProcess : IDisposable
{
    private const int KilledBySignal9 = 128 + 9;

    /// <summary>An emulated host beside other tests takes minutes for what takes seconds by itself.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly Process process;

    private CrashTestProcess(Process process) => this.process = process;

    public int Id => process.Id;

    public bool HasEnded => process.HasExited;

    public static CrashTestProcess Start(LabFixture lab, string domain, CrashTestRequest request) => Start(lab.Uri, domain, request);

    public static CrashTestProcess Start(string uri, string domain, CrashTestRequest request)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "VirtSnapshot.Tests");
        var start = new ProcessStartInfo(program, ["crash-test", JsonSerializer.Serialize(request with { Uri = uri, Domain = domain })])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        return new CrashTestProcess(Process.Start(start)!);
    }

    /// <summary>Runs a crash-test process to the end that it was told to make.</summary>
    public static void Die(LabFixture lab, string domain, CrashTestRequest request) => Die(lab.Uri, domain, request);

    public static void Die(string uri, string domain, CrashTestRequest request)
    {
        using var crashTest = Start(uri, domain, request);
        crashTest.AssertKilled();
    }

    public void AssertKilled()
    {
        var said = WaitForEnd();
        Assert.True(process.ExitCode == KilledBySignal9, $"The crashTest ended with {process.ExitCode} before it came to its step: {said}");
    }

    /// <summary>What it said at its end.</summary>
    public string WaitForEnd()
    {
        var said = process.StandardOutput.ReadToEndAsync();
        Assert.True(process.WaitForExit(Patience), "The crashTest does not end.");
        return said.Result.Trim();
    }

    public void WaitForStep(RunStep step)
    {
        var line = process.StandardOutput.ReadLineAsync();
        Assert.True(line.Wait(Patience), $"The crashTest does not come to {step}.");
        Assert.Equal($"{step}", line.Result);
    }

    public void GoOn() => process.StandardInput.WriteLine();

    public void Signal(string signal) => LabScript.RunProgram("kill", $"-{signal}", $"{process.Id}");

    public void Kill()
    {
        process.Kill();
        process.WaitForExit();
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            Kill();
        }

        process.Dispose();
    }
}
