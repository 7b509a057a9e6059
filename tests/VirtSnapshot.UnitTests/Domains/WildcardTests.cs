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
    [InlineData("web[", "web[", true)]
    [InlineData("web[]", "web[]", true)]
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

    [Fact]
    public void A_range_that_runs_backwards_is_an_error_of_the_caller()
    {
        var error = Assert.Throws<VirtSnapshotException>(() => Wildcard.Parse("vd[c-a]"));
        Assert.Equal("InvalidWildcard", error.ErrorId);
        Assert.Equal(FailureKind.InvalidArgument, error.Kind);
    }

    [Fact]
    public void A_pattern_made_to_be_slow_is_not()
    {
        var started = System.Diagnostics.Stopwatch.StartNew();
        Assert.False(Wildcard.Parse(string.Concat(Enumerable.Repeat("*a", 30)) + "b").Matches(new string('a', 2000)));
        Assert.True(started.Elapsed < TimeSpan.FromSeconds(10), $"It took {started.Elapsed}.");
    }
}
