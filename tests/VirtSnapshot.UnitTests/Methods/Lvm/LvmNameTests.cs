using VirtSnapshot.Methods.Lvm;
using Xunit;

namespace VirtSnapshot.UnitTests.Methods.Lvm;

public class LvmNameTests
{
    [Theory]
    [InlineData("vg/lv", "vg", "lv")]
    [InlineData("vg0.a+b/_x-1", "vg0.a+b", "_x-1")]
    public void A_full_name_has_two_parts(string name, string group, string volume) => Assert.Equal((group, volume), LvmName.Split(name));

    [Theory]
    [InlineData("vg")]
    [InlineData("vg/")]
    [InlineData("/lv")]
    [InlineData("vg/lv/x")]
    [InlineData("vg/-lv")]
    [InlineData("vg/..")]
    [InlineData("../lv")]
    [InlineData("vg/l v")]
    [InlineData("vg/lv\n")]
    [InlineData("vg/lv\" || lv_name=\"other")]
    [InlineData("vg/$(reboot)")]
    [InlineData("vg/lv;reboot")]
    public void Anything_else_is_no_name(string name) => Assert.Null(LvmName.Split(name));

    [Fact]
    public void A_label_has_nothing_in_it_that_lvm_keeps_for_itself() => Assert.Equal("virtsnapshot-a.tmeta-1", LvmName.ForLabel("virtsnapshot-a_tmeta-1"));

    [Fact]
    public void A_dash_counts_twice()
    {
        Assert.True(LvmName.FitsDeviceMapper("vg", new string('a', 120)));
        Assert.False(LvmName.FitsDeviceMapper("vg", new string('a', 121)));
        Assert.True(LvmName.FitsDeviceMapper("vg", new string('-', 60)));
        Assert.False(LvmName.FitsDeviceMapper("vg", new string('-', 61)));
    }
}
