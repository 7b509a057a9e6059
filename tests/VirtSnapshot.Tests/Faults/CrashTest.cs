using System.Diagnostics;
using System.Text.Json;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;

namespace VirtSnapshot.Tests.Faults;

/// <summary>A run in a process of its own, which ends itself with SIGKILL where a test tells it to.</summary>
internal static class CrashTest
{
    private static int reached;

    public static int Run(string[] arguments)
    {
        var request = JsonSerializer.Deserialize<CrashTestRequest>(arguments[0])!;
        Engine.KeepsSpareGuards = request.IsWarm;
        try
        {
            var domain = DomainFinder.FindOne(request.Uri, request.Domain, CancellationToken.None);
            if (request.IsWarm)
            {
                TakeSnapshot(request, domain);
                Remove(request, domain);
            }

            using var method = request.CopySeconds is { } seconds ? CopyMethod.Register(TimeSpan.FromSeconds(seconds)) : null;
            Engine.Observer = step => Observe(request, step);
            Console.WriteLine(request.Work switch
            {
                CrashTestWork.Snapshot => TakeSnapshot(request, domain),
                CrashTestWork.Removal => Remove(request, domain),
                CrashTestWork.Restore => Restore(request, domain),
                _ => Repair(request, domain),
            });
            return 0;
        }
        catch (VirtSnapshotException e)
        {
            Console.WriteLine($"{e.ErrorId}: {e.Message}");
            return 1;
        }
    }

    private static string TakeSnapshot(CrashTestRequest request, VmDomain domain)
    {
        var asked = new SnapshotRequest(
            domain,
            name: SnapshotName.Parse(request.Name),
            method: (request.CopySeconds is null ? request.Method : CopyMethod.MethodName) is { } method ? DiskSnapshotMethod.Parse(method) : null,
            quiescing: new QuiesceOptions(request.Quiescence, TimeSpan.FromSeconds(request.FreezeSeconds)));
        using var plan = Engine.Current.PlanSnapshot(asked, new HeardReporter(), CancellationToken.None);
        return $"{plan.Run(CancellationToken.None)[0].Consistency}";
    }

    private static string Remove(CrashTestRequest request, VmDomain domain)
    {
        var snapshots = Engine.List(domain).Where(snapshot => snapshot.Name == request.Name).ToList();
        using var plan = Engine.Current.PlanRemoval(domain, snapshots, new HeardReporter(), CancellationToken.None);
        var results = plan.Run(new RemovalOptions { Bandwidth = request.Bandwidth }, CancellationToken.None);
        return results.FirstOrDefault(result => result.Error is not null)?.Error?.ErrorId ?? "Removed";
    }

    private static string Restore(CrashTestRequest request, VmDomain domain)
    {
        var snapshots = Engine.List(domain).Where(snapshot => snapshot.Name == request.Name).ToList();
        using var plan = Engine.Current.PlanRestore(domain, snapshots, request.IncludesFirmware, new HeardReporter(), CancellationToken.None);
        return $"{plan.Run(CancellationToken.None).Count}";
    }

    private static string Repair(CrashTestRequest request, VmDomain domain)
    {
        using var plan = Engine.Current.PlanRepair(domain, request.Detached, new HeardReporter(), CancellationToken.None);
        return $"{plan?.Run(CancellationToken.None).Action}";
    }

    private static void Observe(CrashTestRequest request, RunStep step)
    {
        if (request.IsThawedByOthers && step == RunStep.Taken)
        {
            LabScript.RunProgram("virsh", "-q", "-c", request.Uri, "domfsthaw", request.Domain);
        }

        if (step != request.Step || ++reached < request.Occurrence)
        {
            return;
        }

        switch (request.End)
        {
            case CrashTestEnd.Killed:
                Die();
                break;
            case CrashTestEnd.KilledLater:
                new Thread(() =>
                {
                    Thread.Sleep(request.DelayMilliseconds);
                    Die();
                }).Start();
                break;
            case CrashTestEnd.Stopped:
                Console.WriteLine(step);
                LabScript.RunProgram("kill", "-STOP", $"{Environment.ProcessId}");
                break;
            default:
                Console.WriteLine(step);
                Console.ReadLine();
                break;
        }
    }

    private static void Die()
    {
        using var self = Process.GetCurrentProcess();
        self.Kill();
        Thread.Sleep(Timeout.Infinite);
    }
}
