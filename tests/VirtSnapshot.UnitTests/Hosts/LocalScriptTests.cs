using VirtSnapshot.Hosts;
using Xunit;

namespace VirtSnapshot.UnitTests.Hosts;

/// <summary>What runs beside us, at the other end of two pipes.</summary>
public sealed class LocalScriptTests
{
    [Fact]
    public void One_that_was_let_go_takes_and_gives_no_more()
    {
        var script = new LocalHost("test:///default").StartScript("read -r line", []);
        script.Dispose();

        Assert.Throws<IOException>(() => script.WriteLine("line"));
        Assert.Null(script.ReadLine(TimeSpan.FromSeconds(1)));
    }
}
