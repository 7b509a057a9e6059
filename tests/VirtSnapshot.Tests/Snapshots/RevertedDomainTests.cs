using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Snapshots;

/// <summary>
/// libvirt reverts external snapshots since 9.9, and deletes what it takes for its own: our base and our record. Our overlay remains, with what the guest
/// has written.
/// </summary>
[Trait("Debian13", "yes")]
public sealed class RevertedDomainTests(LabFixture lab)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void An_overlay_that_a_revert_leaves_is_told_and_kept_aside()
    {
        using var domain = new BareDomain(lab, "reverted");
        var definition = Path.Combine(lab.Images, "reverted-old.xml");
        File.WriteAllText(definition, lab.Virsh("dumpxml", "--inactive", domain.Name));
        var byHand = Path.Combine(lab.Images, "reverted-vda.byhand");
        lab.Virsh("snapshot-create-as", domain.Name, "byhand", "--disk-only", "--diskspec", $"vda,file={byHand}");
        Engine.Take(domain.Domain, "ours");
        var overlay = domain.Domain.FindDisk("vda")!.Source.Path!;
        domain.Write(7);
        Revert(domain, byHand, definition);
        Assert.False(File.Exists(byHand));
        Assert.DoesNotContain(Engine.List(domain.Domain), snapshot => snapshot.Name == "ours");
        var content = File.ReadAllBytes(overlay);

        var warning = Assert.Single(Warnings(domain));
        Assert.StartsWith($"'{overlay}' holds what disk 'vda' of domain 'reverted' wrote after snapshot 'ours'", warning, StringComparison.Ordinal);
        Assert.Contains($"'{byHand}' does not exist", warning, StringComparison.Ordinal);
        var reporter = new HeardReporter();
        Assert.Null(Engine.Current.PlanRepair(domain.Domain, null, reporter, Token));
        Assert.Equal([warning], reporter.Warnings);
        reporter = new HeardReporter();
        Assert.Null(Engine.Current.PlanRepair(domain.Domain, DetachedOverlay.Reattach, reporter, Token));
        Assert.Equal([warning], reporter.Warnings);
        Assert.Equal(content, File.ReadAllBytes(overlay));

        using (var plan = Engine.Current.PlanRepair(domain.Domain, DetachedOverlay.KeepAside, new HeardReporter(), Token)!)
        {
            Assert.Contains(overlay, plan.Description, StringComparison.Ordinal);
            Assert.Equal(RepairAction.KeptAside, plan.Run(Token).Action);
        }

        Assert.Equal(content, File.ReadAllBytes(Assert.Single(Directory.GetFiles(lab.Images, $"{Path.GetFileName(overlay)}*"))));
        Assert.Empty(Warnings(domain));
    }

    private static IReadOnlyList<string> Warnings(BareDomain domain)
    {
        var listing = new SnapshotListing();
        Engine.List(domain.Domain, listing);
        return listing.TakeWarnings();
    }

    /// <summary>Where libvirt cannot do it yet, the same is done by hand.</summary>
    private void Revert(BareDomain domain, string byHand, string definition)
    {
        if (LabScript.TryRunProgram("virsh", "-q", "-c", lab.Uri, "snapshot-revert", domain.Name, "byhand").ExitCode != 0)
        {
            lab.Virsh("destroy", domain.Name);
            File.Delete(byHand);
            foreach (var uri in domain.Domain.Root.Element("metadata")!.Elements().Select(element => element.Name.NamespaceName))
            {
                lab.Virsh("metadata", domain.Name, uri, "--remove", "--config");
            }

            lab.Virsh("define", definition);
            lab.Virsh("start", domain.Name);
        }
    }
}
