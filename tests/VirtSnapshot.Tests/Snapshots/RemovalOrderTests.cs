using VirtSnapshot.Methods;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Snapshots;

/// <summary>Three snapshots of one disk, one on top of the other, each with other data.</summary>
public class RemovalOrderTests(LabFixture lab)
{
    [Theory]
    [InlineData(true, "s1 s2 s3")]
    [InlineData(true, "s1 s3 s2")]
    [InlineData(true, "s2 s1 s3")]
    [InlineData(true, "s2 s3 s1")]
    [InlineData(true, "s3 s1 s2")]
    [InlineData(true, "s3 s2 s1")]
    [InlineData(false, "s1 s2 s3")]
    [InlineData(false, "s1 s3 s2")]
    [InlineData(false, "s2 s1 s3")]
    [InlineData(false, "s2 s3 s1")]
    [InlineData(false, "s3 s1 s2")]
    [InlineData(false, "s3 s2 s1")]
    public void Whatever_goes_first_the_others_contents_stay_the_same(bool isRunning, string request)
    {
        using var domain = new BareDomain(lab, "orders", isRunning: isRunning);
        TakeThree(domain);
        var contents = Engine.List(domain.Domain).ToDictionary(snapshot => snapshot.Name, snapshot => ImageDigest.Of(snapshot.BackupSource));
        var disk = DiskContent(domain);
        Assert.Equal(4, contents.Values.Append(disk).Distinct().Count());

        foreach (var name in request.Split(' '))
        {
            Engine.Remove(domain.Domain, Engine.List(domain.Domain).Single(snapshot => snapshot.Name == name));
            contents.Remove(name);
            var left = Engine.List(domain.Domain);
            Assert.All(left, snapshot => Assert.Equal(SnapshotState.Available, snapshot.State));
            Assert.Equal(contents, left.ToDictionary(snapshot => snapshot.Name, snapshot => ImageDigest.Of(snapshot.BackupSource)));
            Assert.Equal(disk, DiskContent(domain));
        }

        Engine.AssertNothingLeft(domain.Domain);
        Assert.Equal(domain.Image(), domain.Domain.FindDisk("vda")!.Source.Path);
    }

    [Theory]
    [InlineData("s3", "s1 s2 s3")]
    [InlineData("s2", "s1 s2")]
    public void What_is_out_of_sight_is_not_taken_for_merged(string missing, string refused)
    {
        using var domain = new BareDomain(lab, "orders", isRunning: false);
        TakeThree(domain);
        var set = Engine.List(domain.Domain).ToDictionary(snapshot => snapshot.Name);
        var overlay = set[missing].ModifiedDisk!.Source.Path!;
        var away = $"{overlay}-away";

        // As with a file system that is not mounted.
        File.Move(overlay, away);
        Assert.All(refused.Split(' '), name => Assert.Equal("SourceMissing", Engine.RemovalRefused(domain.Domain, [set[name]]).ErrorId));
        Assert.Null(RunJournal.Read(domain.Domain));
        File.Move(away, overlay);
        Assert.All(Engine.List(domain.Domain), snapshot => Assert.Equal(SnapshotState.Available, snapshot.State));
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        Engine.AssertNothingLeft(domain.Domain);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void All_three_go_in_one_plan(bool isRunning)
    {
        using var domain = new BareDomain(lab, "orders", isRunning: isRunning);
        TakeThree(domain);
        var disk = DiskContent(domain);
        Engine.Remove(domain.Domain, [.. Engine.List(domain.Domain).Reverse()]);
        Engine.AssertNothingLeft(domain.Domain);
        Assert.Equal(disk, DiskContent(domain));
    }

    [Fact]
    public void A_snapshot_taken_after_a_removal_gets_a_name_that_does_not_grow()
    {
        using var domain = new BareDomain(lab, "orders", isRunning: false);
        Engine.Take(domain.Domain, "s1");
        var second = Assert.Single(Engine.Take(domain.Domain, "s2"));
        Assert.Equal(Path.ChangeExtension(domain.Image(), ".s2.qcow2"), second.ModifiedDisk!.Source.Path);
    }

    private static void TakeThree(BareDomain domain)
    {
        for (byte i = 1; i <= 3; i++)
        {
            // Some of it is written again later, some is not.
            Write(domain, i, $"{i}M");
            Write(domain, i, "0");
            Engine.Take(domain.Domain, $"s{i}");
        }

        Write(domain, 4, "0");
        Write(domain, 4, "2M");
    }

    private static void Write(BareDomain domain, byte pattern, string offset)
    {
        if (domain.Domain.IsActive)
        {
            domain.Write(pattern, offset);
        }
        else
        {
            BareDomain.WriteOffline(domain.Domain.FindDisk("vda")!.Source.Path!, pattern, offset);
        }
    }

    private static string DiskContent(BareDomain domain) => ImageDigest.Of(domain.Domain.FindDisk("vda")!.Source);
}
