using VirtSnapshot.Domains;
using Xunit;

namespace VirtSnapshot.UnitTests.Domains;

public class WildcardTests
{
    [Theory]
    [InlineData("web*", "web1", true)]
    [InlineData("web*", "web", true)]
    [InlineData("web*", "myweb", false)]
    [InlineData("WEB?", "web1", true)]
    [InlineData("web?", "web12", false)]
    [InlineData("vd[ab]", "vdb", true)]
    [InlineData("vd[a-c]", "vdd", false)]
    [InlineData("vd[^a]", "vdb", false)]
    [InlineData("vd[^a]", "vd^", true)]
    [InlineData("a.c", "abc", false)]
    [InlineData("(a+)+$", "(a+)+$", true)]
    [InlineData("web`*", "web*", true)]
    [InlineData("web`*", "web1", false)]
    [InlineData("web`[", "web[", true)]
    [InlineData("web`[]", "web[]", true)]
    [InlineData("web]", "web]", true)]
    [InlineData("web[]a]", "web]", true)]
    [InlineData("web[]a]", "webb", false)]
    [InlineData("web[[]", "web[", true)]
    [InlineData("web[\\]", "web\\", true)]
    [InlineData("*", "a\nb", true)]
    [InlineData("a", "a\n", false)]
    public void A_pattern_fits_the_whole_name(string pattern, string name, bool fits) =>
        Assert.Equal(fits, Wildcard.Parse(pattern).Matches(name));

    [Theory]
    [InlineData("web1", false)]
    [InlineData("web*", true)]
    [InlineData("web?", true)]
    [InlineData("web[12]", true)]
    public void Only_a_wildcard_makes_a_pattern(string text, bool isPattern) => Assert.Equal(isPattern, Wildcard.IsPattern(text));

    [Theory]
    [InlineData("vd[c-a]")]
    [InlineData("web[")]
    [InlineData("ta[*")]
    [InlineData("web[]")]
    [InlineData("[")]
    public void What_cannot_be_meant_is_an_error_of_the_caller(string pattern)
    {
        var error = Assert.Throws<VirtSnapshotException>(() => Wildcard.Parse(pattern));
        Assert.Equal("InvalidWildcard", error.ErrorId);
        Assert.Equal(FailureKind.InvalidArgument, error.Kind);
    }

    [Theory]
    [InlineData("?")]
    [InlineData("*")]
    [InlineData("[a-z]")]
    public void One_that_is_as_long_as_is_taken_works_and_a_longer_one_is_an_error_of_the_caller(string part)
    {
        var longest = string.Concat(Enumerable.Repeat(part, 500 / part.Length));
        Assert.True(Wildcard.Parse(longest).Matches(new string('a', 500 / part.Length)));
        var error = Assert.Throws<VirtSnapshotException>(() => Wildcard.Parse(string.Concat(Enumerable.Repeat(longest, 200)) + "[c-a]"));
        Assert.Equal("InvalidWildcard", error.ErrorId);
        Assert.InRange(error.Message.Length, 1, 300);
    }

    [Fact]
    public void A_pattern_made_to_be_slow_is_not()
    {
        var started = System.Diagnostics.Stopwatch.StartNew();
        Assert.False(Wildcard.Parse(string.Concat(Enumerable.Repeat("*a", 30)) + "b").Matches(new string('a', 2000)));
        Assert.True(started.Elapsed < TimeSpan.FromSeconds(10), $"It took {started.Elapsed}.");
    }
}
