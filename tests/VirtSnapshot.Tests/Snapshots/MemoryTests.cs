using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Snapshots;

public class MemoryTests(LabFixture lab)
{
    [Fact]
    public void Many_snapshots_and_merges_leave_nothing_behind_in_the_process()
    {
        using var domain = new BareDomain(lab, "often", isRunning: false);
        TakeAndRemove(domain, 10);
        var (memory, handles) = Used();
        TakeAndRemove(domain, 40);
        var (laterMemory, laterHandles) = Used();
        Assert.True(laterMemory - memory < 1 << 20, $"{memory} bytes before, {laterMemory} after.");
        Assert.InRange(laterHandles, 0, handles + 4);
    }

    private static void TakeAndRemove(BareDomain domain, int times)
    {
        for (var i = 0; i < times; i++)
        {
            Engine.Remove(domain.Domain, Engine.Take(domain.Domain));
        }
    }

    private static (long Memory, int Handles) Used()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        return (GC.GetTotalMemory(forceFullCollection: true), Directory.GetFiles("/proc/self/fd").Length);
    }
}
