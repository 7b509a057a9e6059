using System.Text.RegularExpressions;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Cmdlets;
using VirtSnapshot.Tests.Lab;
using VirtSnapshot.Tests.Methods.Volumes;
using VirtSnapshot.Tests.Storage;
using Xunit;

namespace VirtSnapshot.Tests.Snapshots;

/// <summary>A second domain on the same image: what one takes a snapshot of, the other changes.</summary>
public sealed partial class SharedImageTests(LabFixture lab) : VolumeTest(lab)
{
    [Theory]
    [InlineData("the same path", "qemu")]
    [InlineData("the same path", "qemu-internal")]
    [InlineData("a symbolic link", "qemu")]
    [InlineData("a hard link", "qemu-internal")]
    public void What_a_running_domain_writes_is_not_snapshotted(string name, string method)
    {
        using var domain = new BareDomain(Lab, "shared", isRunning: false);
        var path = Path.Combine(Lab.Images, "shared-again.qcow2");
        switch (name)
        {
            case "a symbolic link":
                File.CreateSymbolicLink(path, domain.Image());
                break;
            case "a hard link":
                LabScript.RunProgram("ln", domain.Image(), path);
                break;
            default:
                path = domain.Image();
                break;
        }

        using var other = new BareDomain(Lab, "second", [BareDomain.FileDisk(path, "vdb", "qcow2")]);
        foreach (var quiescing in new[] { Engine.Required, Engine.NoQuiesce })
        {
            AssertRefused(domain, "disk 'vdb' of domain 'second'", method: method, quiescing: quiescing);
        }

        Lab.Virsh("destroy", other.Name);
        Lab.Virsh("undefine", other.Name);
        Engine.Take(domain.Domain, "one", method: method);
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
    }

    [Fact]
    public void A_running_domain_that_was_redefined_since_still_writes()
    {
        using var domain = new BareDomain(Lab, "shared", isRunning: false);
        using var other = new BareDomain(Lab, "second", [BareDomain.FileDisk(domain.Image(), "vda", "qcow2")]);
        File.WriteAllText(other.Definition, File.ReadAllText(other.Definition)
            .Replace("<name>second</name>", $"<name>second</name><uuid>{other.Domain.Uuid}</uuid>", StringComparison.Ordinal)
            .Replace(domain.Image(), Path.Combine(Lab.Images, "second-new.qcow2"), StringComparison.Ordinal));
        Lab.Virsh("define", other.Definition);
        AssertRefused(domain, "domain 'second', which is running");
    }

    [Fact]
    public void What_a_running_domain_writes_below_an_overlay_is_not_snapshotted()
    {
        using var other = new BareDomain(Lab, "second");
        var overlay = Path.Combine(Lab.Images, "shared-clone.qcow2");
        LabScript.RunProgram("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", other.Image(), "-F", "qcow2", overlay, "8M");
        using var domain = new BareDomain(Lab, "shared", [BareDomain.FileDisk(overlay, "vda", "qcow2")], isRunning: false);
        AssertRefused(domain, "disk 'vda' of domain 'second'");

        // A template's definition that is shut off is no obstacle to its clones.
        Lab.Virsh("destroy", other.Name);
        var reporter = new HeardReporter();
        Engine.Take(domain.Domain, "one", reporter: reporter);
        Assert.Empty(reporter.Warnings);
        Engine.Remove(domain.Domain, Engine.List(domain.Domain).Single(snapshot => snapshot.Name == "one"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void No_overlay_where_another_domain_would_start_on_its_base(bool isRunning)
    {
        using var domain = new BareDomain(Lab, "shared", isRunning: isRunning);
        using var other = new BareDomain(Lab, "second", [BareDomain.FileDisk(domain.Image(), "vdb", "qcow2")], isRunning: false);
        AssertRefused(domain, "disk 'vdb' of domain 'second'", method: "qemu");
    }

    [Fact]
    public void A_device_has_many_names()
    {
        var device = Keep(new LoopDevice(Lab.Images, "shared-device"));
        var node = Path.Combine(Lab.Images, "shared-node");
        LabScript.RunProgram("sh", "-c", "mknod \"$1\" b $(stat -c '0x%t 0x%T' \"$2\")", "sh", node, device.Path);
        string[] paths = [device.Path, node];
        var domains = paths.Select((path, number) => Define(BareDomain.Disk("block", $"<source dev='{path}'/>", $"vd{"ab"[number]}", "raw"))).ToList();
        var error = Engine.Refused(() => Engine.Take(domains[0].Domain, "one", method: "qemu", overlayDirectory: Lab.Images));
        Assert.Equal("SourceShared", error.ErrorId);
        Assert.Contains($"disk 'vdb' of domain '{domains[1].Name}'", error.Message, StringComparison.Ordinal);
        File.Delete(node);
    }

    [Fact]
    public void Below_the_image_another_definition_is_only_a_warning_and_no_temporary_overlay()
    {
        var image = Qcow2(Xfs().Folder, "a.qcow2");
        using var domain = new BareDomain(Lab, "shared", [BareDomain.FileDisk(image, "vda", "qcow2")]);
        using var other = new BareDomain(Lab, "second", [BareDomain.FileDisk(image, "vdb", "qcow2")], isRunning: false);
        AssertRefused(domain, "disk 'vdb' of domain 'second'", method: "reflink", shield: ShieldUse.Always);

        var reporter = new HeardReporter();
        Assert.Equal(SnapshotState.Available, Assert.Single(Engine.Take(domain.Domain, "one", method: "reflink", reporter: reporter)).State);
        Assert.Contains(reporter.Warnings, warning => warning.Contains("disk 'vdb' of domain 'second'", StringComparison.Ordinal));
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));

        Lab.Virsh("destroy", domain.Name);
        Lab.Virsh("start", other.Name);
        AssertRefused(domain, "disk 'vdb' of domain 'second'", method: "reflink");
    }

    [Fact]
    public void A_reader_of_the_image_is_no_obstacle()
    {
        using var domain = new BareDomain(Lab, "shared", isRunning: false);
        using var other = new BareDomain(Lab, "second", [BareDomain.FileDisk(domain.Image(), "vda", "qcow2", "<readonly/>")]);
        var reporter = new HeardReporter();
        Engine.Take(domain.Domain, "one", reporter: reporter);
        Assert.Empty(reporter.Warnings);
        Assert.Equal(SnapshotState.Available, Assert.Single(Engine.List(domain.Domain)).State);
    }

    [Fact]
    public void A_snapshot_that_another_domain_writes_is_invalid_and_the_warning_s_way_out_keeps_the_disk()
    {
        using var domain = new BareDomain(Lab, "shared", isRunning: false);
        Engine.Take(domain.Domain, "one");
        BareDomain.WriteOffline(domain.Domain.FindDisk("vda")!.Source.Path!, 1, "1M");
        var listing = new SnapshotListing();
        Assert.Equal(SnapshotState.Available, Assert.Single(Engine.List(domain.Domain, listing)).State);
        using var other = new BareDomain(Lab, "second", [BareDomain.FileDisk(domain.Image(), "vda", "qcow2")]);
        other.Write(9);

        // One listing reads the other domains once, however many domains it lists.
        Assert.Equal(SnapshotState.Available, Assert.Single(Engine.List(domain.Domain, listing)).State);

        var (output, warning) = Get(domain.Name);
        var snapshot = Assert.Single(output);
        Assert.Equal(SnapshotState.Invalid, snapshot.State);
        Assert.Contains("disk 'vda' of domain 'second'", warning, StringComparison.Ordinal);
        Assert.Equal("SourceShared", Engine.Refused(() => Engine.Restore(domain.Domain, "one")).ErrorId);
        Assert.Equal("SourceShared", Engine.RemovalRefused(domain.Domain, snapshot).ErrorId);

        Lab.Virsh("destroy", other.Name);
        var before = Contents();
        Follow(warning);
        Engine.Remove(domain.Domain, snapshot);
        Assert.Empty(Engine.List(domain.Domain));
        Lab.Virsh("destroy", domain.Name);
        Assert.Equal(before, Contents());
        Lab.Virsh("start", domain.Name);
        Lab.Virsh("start", other.Name);

        (string Disk, string Other) Contents() => (ImageDigest.Of(domain.Domain.FindDisk("vda")!.Source), ImageDigest.OfFile(domain.Image()));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Two_snapshots_on_one_base_can_both_be_removed_as_the_error_says(bool isRunning)
    {
        using var first = new BareDomain(Lab, "shared", isRunning: false);
        Engine.Take(first.Domain, "one");
        using var second = new BareDomain(Lab, "second", [BareDomain.FileDisk(first.Image(), "vda", "qcow2")], isRunning: false);
        Engine.Take(second.Domain, "two", overlayDirectory: Directory.CreateDirectory(Path.Combine(Lab.Images, "second")).FullName);
        string[] overlays = [.. new[] { first, second }.Select(domain => domain.Domain.FindDisk("vda")!.Source.Path!)];
        BareDomain.WriteOffline(overlays[0], 1, "1M");
        BareDomain.WriteOffline(overlays[1], 2, "2M");
        string[] before = [.. overlays.Select(overlay => ImageDigest.Of(overlay, "qcow2"))];
        if (isRunning)
        {
            Lab.Virsh("start", first.Name);
            Lab.Virsh("start", second.Name);
        }

        Assert.Equal("SourceShared", Engine.RemovalRefused(second.Domain, Engine.List(second.Domain)).ErrorId);
        var error = Engine.RemovalRefused(first.Domain, Engine.List(first.Domain));
        Assert.Equal("SourceShared", error.ErrorId);
        Follow(error.Message);
        Engine.Remove(first.Domain, Engine.List(first.Domain));
        Engine.Remove(second.Domain, Engine.List(second.Domain));

        foreach (var (domain, number) in new[] { first, second }.Select((domain, number) => (domain, number)))
        {
            Assert.Empty(Engine.List(domain.Domain));
            Assert.Null(RunJournal.Read(domain.Domain));
            Lab.TryVirsh("destroy", domain.Name);
            Lab.Virsh("start", domain.Name);
            Lab.Virsh("destroy", domain.Name);
            Assert.Equal(before[number], ImageDigest.Of(domain.Domain.FindDisk("vda")!.Source));
        }

        Assert.Equal(overlays[0], first.Domain.FindDisk("vda")!.Source.Path);
        Assert.Equal(first.Image(), second.Domain.FindDisk("vda")!.Source.Path);
        Assert.False(File.Exists(overlays[1]));
    }

    /// <summary>What the text tells to type, typed.</summary>
    private void Follow(string text)
    {
        var commands = Command().Matches(text).Select(match => match.Groups[1].Value).ToList();
        Assert.Contains(commands, command => command.StartsWith("blockpull", StringComparison.Ordinal));
        commands.ForEach(command => Lab.Virsh(command.Split(' ')));
    }

    private (IReadOnlyList<DiskSnapshot> Output, string Warning) Get(string domain)
    {
        using var engine = new PowerShellEngine();
        var result = engine.Run(
            "param($uri, $name) Get-DiskSnapshot $name -Uri $uri -WarningVariable heard -WarningAction SilentlyContinue; \"$heard\"", Lab.Uri, domain);
        Assert.Empty(result.ErrorIds);
        return ([.. result.Output.Select(item => item.BaseObject).OfType<DiskSnapshot>()], (string)result.Output[^1].BaseObject);
    }

    private void AssertRefused(
        BareDomain domain, string names, string? method = null, QuiesceOptions? quiescing = null, ShieldUse shield = ShieldUse.WhereNeeded)
    {
        var (xml, files) = (domain.Domain.Xml, string.Join('\n', Entries(Lab.Images)));
        var error = Engine.Refused(() => Engine.Take(domain.Domain, "one", method: method, quiescing: quiescing, shield: shield));
        Assert.Equal((FailureKind.ResourceBusy, "SourceShared"), (error.Kind, error.ErrorId));
        Assert.Contains(names, error.Message, StringComparison.Ordinal);
        Assert.Contains("Nothing was touched.", error.Message, StringComparison.Ordinal);
        Assert.Equal((xml, files), (domain.Domain.Xml, string.Join('\n', Entries(Lab.Images))));
    }

    [GeneratedRegex("'virsh ([^']+)'")]
    private static partial Regex Command();
}
