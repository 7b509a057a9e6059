using System.Diagnostics;
using System.Text.Json;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;

namespace VirtSnapshot.Tests.Faults;

/// <summary>A run in a process of its own, which ends itself with SIGKILL where a test tells it to.</summary>
internal static class Victim
{
    private static int reached;

    public static int Run(string[] arguments)
    {
        var order = JsonSerializer.Deserialize<VictimOrder>(arguments[0])!;
        SpareGuards.IsEnabled = order.IsWarm;
        try
        {
            var domain = DomainFinder.FindOne(order.Uri, order.Domain, CancellationToken.None);
            if (order.IsWarm)
            {
                TakeSnapshot(order, domain);
                Remove(order, domain);
            }

            using var method = order.CopySeconds is { } seconds ? CopyDriver.Register(TimeSpan.FromSeconds(seconds)) : null;
            RunSteps.Observer = step => Observe(order, step);
            Console.WriteLine(order.Work switch
            {
                VictimWork.Snapshot => TakeSnapshot(order, domain),
                VictimWork.Removal => Remove(order, domain),
                VictimWork.Restore => Restore(order, domain),
                _ => Repair(order, domain),
            });
            return 0;
        }
        catch (VirtSnapshotException e)
        {
            Console.WriteLine($"{e.ErrorId}: {e.Message}");
            return 1;
        }
    }

    private static string TakeSnapshot(VictimOrder order, VmDomain domain)
    {
        var request = new SnapshotRequest(
            domain,
            name: SnapshotName.Parse(order.Name),
            method: (order.CopySeconds is null ? order.Method : CopyDriver.MethodName) is { } method ? DiskSnapshotMethod.Parse(method) : null,
            quiescing: new QuiesceOptions(order.Quiescence, TimeSpan.FromSeconds(order.FreezeSeconds)));
        using var plan = SnapshotPlan.Make(request, new HeardReporter(), CancellationToken.None);
        return $"{plan.Run(CancellationToken.None)[0].Consistency}";
    }

    private static string Remove(VictimOrder order, VmDomain domain)
    {
        var snapshots = SnapshotList.Of(domain).Where(snapshot => snapshot.Name == order.Name).ToList();
        using var plan = RemovalPlan.Make(domain, snapshots, new HeardReporter(), CancellationToken.None);
        var results = plan.Run(new RemovalOptions { Bandwidth = order.Bandwidth }, CancellationToken.None);
        return results.FirstOrDefault(result => result.Error is not null)?.Error?.ErrorId ?? "Removed";
    }

    private static string Restore(VictimOrder order, VmDomain domain)
    {
        var snapshots = SnapshotList.Of(domain).Where(snapshot => snapshot.Name == order.Name).ToList();
        using var plan = RestorePlan.Make(domain, snapshots, order.IncludesFirmware, new HeardReporter(), CancellationToken.None);
        return $"{plan.Run(CancellationToken.None).Count}";
    }

    private static string Repair(VictimOrder order, VmDomain domain)
    {
        using var plan = RepairPlan.Make(domain, order.Detached, new HeardReporter(), CancellationToken.None);
        return $"{plan?.Run(CancellationToken.None).Action}";
    }

    private static void Observe(VictimOrder order, RunStep step)
    {
        if (order.IsThawedByOthers && step == RunStep.Taken)
        {
            LabScript.RunProgram("virsh", "-q", "-c", order.Uri, "domfsthaw", order.Domain);
        }

        if (step != order.Step || ++reached < order.Occurrence)
        {
            return;
        }

        switch (order.End)
        {
            case VictimEnd.Killed:
                Die();
                break;
            case VictimEnd.KilledLater:
                new Thread(() =>
                {
                    Thread.Sleep(order.DelayMilliseconds);
                    Die();
                }).Start();
                break;
            case VictimEnd.Stopped:
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
