using VirtSnapshot.Methods.Btrfs;
using Xunit;

namespace VirtSnapshot.UnitTests.Methods.Volumes;

public class SubvolumeTests
{
    private const string Shown = """
        vms/.snap
        	Name: 			.snap
        	UUID: 			07e068ca-ae2a-b446-96f7-071f27ba4637
        	Parent UUID: 		3d9437f4-1401-6c43-ac0a-5093208fb580
        	Received UUID: 		-
        	Creation time: 		2026-11-23 15:20:40 +0000
        	Subvolume ID: 		257
        	Generation: 		7
        	Gen at creation: 	7
        	Parent ID: 		256
        	Top level ID: 		256
        	Flags: 			readonly
        	Send transid: 		0
        	Snapshot(s):

        """;

    [Fact]
    public void A_snapshot_tells_what_it_is_of() => Assert.Equal(
        new Subvolume("07e068ca-ae2a-b446-96f7-071f27ba4637", "3d9437f4-1401-6c43-ac0a-5093208fb580", 257, IsReadOnly: true),
        Subvolume.Parse(Shown));

    [Fact]
    public void What_is_no_snapshot_has_no_parent()
    {
        var subvolume = Subvolume.Parse(Shown.Replace("3d9437f4-1401-6c43-ac0a-5093208fb580", "-", StringComparison.Ordinal)
            .Replace("readonly", "-", StringComparison.Ordinal))!;
        Assert.Equal((null, false, false), (subvolume.ParentUuid, subvolume.IsReadOnly, subvolume.IsTopLevel));
        Assert.True(Subvolume.Parse(Shown.Replace("257", "5", StringComparison.Ordinal))!.IsTopLevel);
    }

    [Theory]
    [InlineData("Parent UUID: \t\t3d9437f4-1401-6c43-ac0a-5093208fb580")]
    [InlineData("Flags: \t\t\treadonly")]
    [InlineData("Subvolume ID: \t\t300")]
    public void A_subvolume_s_name_is_not_taken_for_a_fact(string name) =>
        Assert.Null(Subvolume.Parse(Shown.Replace("vms/", $"v\n\t{name}\n/", StringComparison.Ordinal)));

    [Theory]
    [InlineData("UUID: \t\t\t07e068ca-ae2a-b446-96f7-071f27ba4637", "UUID: \t\t\tx")]
    [InlineData("Subvolume ID: \t\t257", "Subvolume ID: \t\t-1")]
    [InlineData("\tFlags", "\tflags")]
    public void What_cannot_be_read_is_nothing(string text, string broken)
    {
        Assert.Contains(text, Shown, StringComparison.Ordinal);
        Assert.Null(Subvolume.Parse(Shown.Replace(text, broken, StringComparison.Ordinal)));
        Assert.Null(Subvolume.Parse(""));
    }
}
