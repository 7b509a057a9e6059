using System.Management.Automation;
using System.Text.RegularExpressions;
using VirtSnapshot.Domains;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Cmdlets;

/// <summary>
/// Whatever is piped into whichever command means exactly the domain, the disk or the snapshot that it came from, also when it has left the
/// process. There are two domains with two snapshots of each disk, and the default URI leads to domains of the same names and UUIDs.
/// </summary>
public sealed partial class RoundTripTests : IDisposable
{
    private readonly LabFixture lab;
    private readonly BareDomain first;
    private readonly BareDomain second;
    private readonly TestNode elsewhere;
    private readonly PowerShellEngine engine = new();
    private readonly string? oldUri = Environment.GetEnvironmentVariable("LIBVIRT_DEFAULT_URI");

    public RoundTripTests(LabFixture lab)
    {
        this.lab = lab;
        first = new BareDomain(lab, "piped1", [BareDomain.Qcow2(lab, "piped1", "vda"), BareDomain.Qcow2(lab, "piped1", "vdb")], isRunning: false);
        second = new BareDomain(lab, "piped2", isRunning: false);
        foreach (var (domain, name) in new[] { (first, "s1"), (first, "s2"), (second, "s1"), (second, "s2") })
        {
            Engine.Take(domain.Domain, name);
        }

        elsewhere = new TestNode(CopyOf(first.Domain), CopyOf(second.Domain));
        Environment.SetEnvironmentVariable("LIBVIRT_DEFAULT_URI", elsewhere.Uri);
    }

    public static TheoryData<string> Commands => [.. PipedCommand.All.Select(command => command.Name)];

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("LIBVIRT_DEFAULT_URI", oldUri);
        engine.Dispose();
        elsewhere.Dispose();
        first.Dispose();
        second.Dispose();
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void Every_object_means_the_same_after_a_round_trip(string name)
    {
        var command = PipedCommand.Find(name);

        var objects = Objects().ToList();
        if (name == "Repair-DiskSnapshot")
        {
            // It passes over domains that need no repair, and tells of a journal that it cannot read.
            foreach (var domain in new[] { first, second })
            {
                lab.Virsh("metadata", domain.Name, "urn:virtsnapshot:1:journal", "--key", "journal", "--set", "<journal/>", "--config");
            }
        }

        foreach (var (kind, given) in objects)
        {
            var (isDomain, isSnapshot) = (kind == "domain", kind == "snapshot");
            var script = command.ToScript(isSnapshot ? null : "s1", isDomain ? "*" : null);
            IReadOnlyList<string> disks = isDomain ? ["piped1/vda", "piped1/vdb"] : ["piped1/vda"];
            IReadOnlyList<string> expected = command switch
            {
                { TakesSnapshots: true } => [.. disks.Select(disk => $"{disk}@s1")],
                { TakesDisks: true } => disks,
                _ => ["piped1"],
            };

            // A hashtable is read as the object of JSON is.
            foreach (var (way, travel) in RoundTrip.Ways.Where(way => way.Key != "hashtable of JSON"))
            {
                var result = engine.Run($"$args[0] | {script}", travel(given));
                Assert.True(expected.SequenceEqual(Meant(result)), $"{kind}, {way}: {string.Join(" ", Meant(result))}; {string.Join(" ", result.Errors)}");
            }
        }
    }

    [Theory]
    [InlineData("Id")]
    [InlineData("Group")]
    [InlineData("Name")]
    [InlineData("Id Name")]
    [InlineData("Group Name")]
    public void A_snapshot_is_known_by_what_is_left_of_it(string properties)
    {
        var snapshot = PSObject.AsPSObject(SnapshotOf("piped1", "vda", "s1"));
        foreach (var (way, travel) in RoundTrip.Ways)
        {
            var given = travel(RoundTrip.Select(snapshot, ["Domain", "Disk", "Uri", .. properties.Split(' ')]));
            Assert.Equal((way, "piped1/vda@s1"), (way, string.Join(' ', engine.Run("$args[0] | Get-DiskSnapshot", given).Text)));
            Assert.Equal((way, "piped1/vda@s1"), (way, string.Join(' ', Meant(engine.Run("$args[0] | Remove-DiskSnapshot -WhatIf", given)))));
        }
    }

    [Fact]
    public void Snapshots_are_chosen_by_id()
    {
        var snapshot = SnapshotOf("piped1", "vdb", "s2");

        Assert.Equal($"{snapshot.Group}/vdb", snapshot.Id);
        Assert.Equal(["piped1/vdb@s2"], engine.Run("Get-DiskSnapshot -Id $args[1] -Uri $args[0]", lab.Uri, snapshot.Id).Text);
        Assert.Equal(["piped1/vda@s2", "piped1/vdb@s2"], engine.Run("Get-DiskSnapshot -Id \"$($args[1])/*\" -Uri $args[0]", lab.Uri, snapshot.Group).Text);
        Assert.Equal(["piped1/vdb@s2"], Meant(engine.Run("Remove-DiskSnapshot piped1 -Id $args[1] -Uri $args[0] -WhatIf", lab.Uri, snapshot.Id)));
        Assert.Equal(["SnapshotNotFound"], engine.Run("Get-DiskSnapshot piped2 -Id $args[1] -Uri $args[0]", lab.Uri, snapshot.Id).ErrorIds);
        Assert.Empty(engine.Run("Get-DiskSnapshot -Id $args[1] -Name s1 -Uri $args[0]", lab.Uri, snapshot.Id).Output);
    }

    [Theory]
    [InlineData("Get-DiskSnapshot")]
    [InlineData("Remove-DiskSnapshot -WhatIf:$false -Confirm:$false")]
    [InlineData("Restore-DiskSnapshot -WhatIf:$false -Confirm:$false")]
    public void A_snapshot_that_is_gone_is_an_error_and_no_other_is_meant(string command)
    {
        var snapshot = SnapshotOf("piped1", "vda", "s1");
        Engine.Remove(first.Domain, snapshot);
        var before = first.Domain.Xml;
        foreach (var (way, travel) in RoundTrip.Ways)
        {
            var result = engine.Run($"$args[0] | {command}", travel(PSObject.AsPSObject(snapshot)));
            Assert.Equal((way, "SnapshotNotFound"), (way, string.Join(' ', result.ErrorIds)));
            Assert.Empty(result.Output);
        }

        Assert.Equal(before, first.Domain.Xml);
    }

    [Fact]
    public void Names_of_a_script_block_count_for_each_object()
    {
        object rows = new[] { Row("piped1", "s2"), Row("piped2", "s1") };

        Assert.Equal(["piped1/vda@s2", "piped1/vdb@s2", "piped2/vda@s1"], engine.Run("$args[0] | Get-DiskSnapshot -Domain { $_.Host } -Name { $_.Label }", rows).Text.Order());
        Assert.Equal(
            ["piped1/vda@s2", "piped1/vdb@s2", "piped2/vda@s1"],
            Meant(engine.Run("$args[0] | Remove-DiskSnapshot -Domain { $_.Host } -Name { $_.Label } -WhatIf", rows)));

        PSObject Row(string domain, string label) => RoundTrip.Select(
            PSObject.AsPSObject(new { Host = domain, Label = label, lab.Uri }), "Host", "Label", "Uri");
    }

    [Fact]
    public void An_overlay_without_a_record_is_refused_by_its_own_error_after_a_round_trip_too()
    {
        lab.Virsh("snapshot-create-as", second.Name, "foreign", "--disk-only", "--no-metadata");
        var unknown = Assert.Single(SnapshotList.Of(second.Domain), snapshot => snapshot.Id.Length == 0);

        foreach (var (way, travel) in RoundTrip.Ways)
        {
            var given = travel(PSObject.AsPSObject(unknown));
            Assert.Equal((way, "piped2/vda@"), (way, string.Join(' ', engine.Run("$args[0] | Get-DiskSnapshot", given).Text)));
            Assert.Equal((way, "SnapshotNotOurs"), (way, string.Join(' ', engine.Run("$args[0] | Remove-DiskSnapshot -Confirm:$false", given).ErrorIds)));
        }
    }

    private static string CopyOf(VmDomain domain) =>
        TestNode.Domain(domain.Name, [.. domain.Disks.Select(disk => disk.Target)]).Replace("</name>", $"</name><uuid>{domain.Uuid}</uuid>", StringComparison.Ordinal);

    private DiskSnapshot SnapshotOf(string domain, string disk, string name) =>
        SnapshotList.Of(domain == "piped1" ? first.Domain : second.Domain).Single(snapshot => snapshot.Disk == disk && snapshot.Name == name);

    private IEnumerable<(string Kind, PSObject Given)> Objects()
    {
        const string disk = "piped1 vda -Uri $args[0]";
        foreach (var (kind, script) in new[]
        {
            ("domain", "Get-VmDomain piped1 -Uri $args[0]"),
            ("disk", $"Get-VmDisk {disk}"),
            ("snapshot", $"Get-DiskSnapshot {disk} -Name s1"),
            ("setting", $"Get-DiskSnapshotMethod {disk}"),
            ("option", $"@(Get-DiskSnapshotMethod {disk} -All)[0]"),
            ("stack", $"Get-DiskStorageStack {disk}"),
        })
        {
            yield return (kind, Assert.Single(engine.Run(script, lab.Uri).Output));
        }
    }

    /// <summary>Which domains, disks or snapshots a command wrote, would have changed, or could not repair. Any other error is one too many.</summary>
    private IReadOnlyList<string> Meant(EngineResult result) =>
    [
        .. result.Output.Select(MeantBy),
        .. result.Said.Where(line => line.StartsWith("What if: ", StringComparison.Ordinal)).SelectMany(MeantBy),
        .. result.Errors.Select(error => error is { Exception: VirtSnapshotException { ErrorId: "JournalDamaged" }, TargetObject: VmDomain domain } && domain.Uri == lab.Uri
            ? domain.Name
            : error.FullyQualifiedErrorId),
    ];

    private string MeantBy(PSObject written)
    {
        Assert.Equal(lab.Uri, written.Properties["Uri"].Value);
        return written.BaseObject is VmDomain or VmDisk or DiskSnapshot ? written.ToString()! : $"{written.Properties["Domain"].Value}/{written.Properties["Disk"].Value}";
    }

    private static IEnumerable<string> MeantBy(string whatIf)
    {
        var restored = Restored().Match(whatIf);
        return (restored.Success ? RestoredDisk().Matches(whatIf) : Named().Matches(whatIf)).Select(named => named.Value.Trim() + (restored.Success ? $"@{restored.Groups[1].Value}" : ""));
    }

    [GeneratedRegex(@"piped\d/vd[a-z](@\w+)?")]
    private static partial Regex Named();

    [GeneratedRegex(@"to snapshot '(\w+)' of")]
    private static partial Regex Restored();

    [GeneratedRegex(@"^  piped\d/vd[a-z]", RegexOptions.Multiline)]
    private static partial Regex RestoredDisk();
}
