using System.Xml.Linq;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Snapshots;

public class CheckpointTests(LabFixture lab)
{
    [Fact]
    public void Another_tool_s_checkpoint_goes_on_counting_through_snapshot_and_merge()
    {
        using var domain = new BareDomain(lab, "checkpoints");
        lab.Virsh("checkpoint-create-as", domain.Name, "c1");
        domain.Write(1, "0");
        var snapshots = Engine.Take(domain.Domain);
        domain.Write(2, "1M");
        Engine.Remove(domain.Domain, snapshots);
        domain.Write(3, "2M");

        // Three times 64 KiB, before, on and after the overlay: none of them is lost to the next incremental backup.
        var size = (string?)XElement.Parse(lab.Virsh("checkpoint-dumpxml", domain.Name, "c1", "--size")).Element("disks")!.Elements("disk").Single()
            .Attribute("size");
        Assert.Equal("196608", size);
        Engine.AssertNothingLeft(domain.Domain);
    }
}
