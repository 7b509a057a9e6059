using System.Diagnostics;
using System.Text.Json;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>A victim, seen from the test.</summary>
internal sealed class VictimProcess : IDisposable
{
    private const int KilledBySignal9 = 128 + 9;

    /// <summary>An emulated host beside other tests takes minutes for what takes seconds by itself.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly Process process;

    private VictimProcess(Process process) => this.process = process;

    public int Id => process.Id;

    public bool HasEnded => process.HasExited;

    public static VictimProcess Start(LabFixture lab, string domain, VictimOrder order) => Start(lab.Uri, domain, order);

    public static VictimProcess Start(string uri, string domain, VictimOrder order)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "VirtSnapshot.Tests");
        var start = new ProcessStartInfo(program, ["victim", JsonSerializer.Serialize(order with { Uri = uri, Domain = domain })])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        return new VictimProcess(Process.Start(start)!);
    }

    /// <summary>Runs a victim to the end that it was told to make.</summary>
    public static void Die(LabFixture lab, string domain, VictimOrder order) => Die(lab.Uri, domain, order);

    public static void Die(string uri, string domain, VictimOrder order)
    {
        using var victim = Start(uri, domain, order);
        victim.AssertKilled();
    }

    public void AssertKilled()
    {
        var said = WaitForEnd();
        Assert.True(process.ExitCode == KilledBySignal9, $"The victim ended with {process.ExitCode} before it came to its step: {said}");
    }

    /// <summary>What it said at its end.</summary>
    public string WaitForEnd()
    {
        var said = process.StandardOutput.ReadToEndAsync();
        Assert.True(process.WaitForExit(Patience), "The victim does not end.");
        return said.Result.Trim();
    }

    public void WaitForStep(RunStep step)
    {
        var line = process.StandardOutput.ReadLineAsync();
        Assert.True(line.Wait(Patience), $"The victim does not come to {step}.");
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
