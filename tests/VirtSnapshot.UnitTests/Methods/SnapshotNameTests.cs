using VirtSnapshot.Methods;
using Xunit;

namespace VirtSnapshot.UnitTests.Methods;

public class SnapshotNameTests
{
    [Theory]
    [InlineData("a")]
    [InlineData("nightly-2026.11_23")]
    [InlineData("0")]
    [InlineData("1234567890123456789012345678901234567890123456789012345678901234")]
    public void A_plain_name_is_taken_as_it_is(string name) => Assert.Equal(name, SnapshotName.Parse(name).ToString());

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("a b")]
    [InlineData("../etc/passwd")]
    [InlineData("a/b")]
    [InlineData("a\\b")]
    [InlineData("a..b")]
    [InlineData("..")]
    [InlineData(".hidden")]
    [InlineData("-option")]
    [InlineData("_a")]
    [InlineData("it's")]
    [InlineData("a\"b")]
    [InlineData("a<b")]
    [InlineData("a&b")]
    [InlineData("a\n")]
    [InlineData("a\0b")]
    [InlineData("a\u001bb")]
    [InlineData("naïve")]
    [InlineData("аdmin")]
    [InlineData("１")]
    [InlineData("a\u202Eb")]
    [InlineData("12345678901234567890123456789012345678901234567890123456789012345")]
    public void What_could_leave_a_file_name_or_XML_is_refused(string name)
    {
        var error = Assert.Throws<VirtSnapshotException>(() => SnapshotName.Parse(name));
        Assert.Equal((FailureKind.InvalidArgument, "InvalidSnapshotName"), (error.Kind, error.ErrorId));
        Assert.DoesNotContain(error.Message, char.IsControl);
        Assert.Contains("64", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_endless_name_does_not_make_an_endless_error() =>
        Assert.True(Assert.Throws<VirtSnapshotException>(() => SnapshotName.Parse(new string('x', 1_000_000))).Message.Length < 500);

    [Fact]
    public void A_moment_s_name_is_its_time_in_UTC_and_sorts()
    {
        var time = new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.FromHours(2));
        Assert.Equal("20260102T010405678Z", SnapshotName.ForTime(time).ToString());
        Assert.Equal(SnapshotName.ForTime(time), SnapshotName.Parse(SnapshotName.ForTime(time).ToString()));
        Assert.True(string.CompareOrdinal(SnapshotName.ForTime(time).ToString(), SnapshotName.ForTime(time.AddMilliseconds(1)).ToString()) < 0);
    }
}
