using VirtSnapshot.Methods.Lvm;
using Xunit;

namespace VirtSnapshot.UnitTests.Methods.Lvm;

public class LogicalVolumeTests
{
    [Theory]
    [InlineData("sri-a-s---", "12.50", true, false)]
    [InlineData("sri-I-s---", "100.00", false, true)]
    [InlineData("sri-S-s---", "100.00", false, true)]
    [InlineData("sri-a-s---", "100.00", true, true)]
    [InlineData("swi-m-s---", "3.00", false, true)]
    [InlineData("Vri---tz--", "", false, false)]
    [InlineData("Vri-a-tz--", "100.00", true, false)]
    [InlineData("Vri-a-tzF-", "1.00", true, true)]
    public void Its_letters_tell_whether_it_can_be_read(string attributes, string fill, bool isActive, bool isBroken)
    {
        var volume = Assert.Single(LogicalVolume.Read(Report(attributes, fill)));
        Assert.Equal((isActive, isBroken), (volume.IsActive, volume.IsBroken));
        Assert.Equal(["virtsnapshot", "virtsnapshot-1"], volume.Tags);
    }

    [Fact]
    public void None_is_none() => Assert.Empty(LogicalVolume.Read("""{"report": [{"lv": []}]}"""));

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("""{"report": [{"lv": [{"lv_name":"a"}]}]}""")]
    [InlineData("""{"report": [{"lv": [{"lv_name":"a", "lv_attr":"sri-a-s---", "data_percent":"full"}]}]}""")]
    public void What_lvs_does_not_print_is_refused(string json) => Assert.Throws<FormatException>(() => LogicalVolume.Read(json));

    private static string Report(string attributes, string fill) =>
        $$"""{"report": [{"lv": [{"lv_name":"s", "lv_uuid":"u-1", "lv_attr":"{{attributes}}", "lv_tags":"virtsnapshot,virtsnapshot-1", "origin_uuid":"o-1", "data_percent":"{{fill}}"}]}]}""";
}
