using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using Xunit;

namespace VirtSnapshot.UnitTests.Domains;

[Collection(PromptTests.Name)]
public sealed class DomainSurveyTests : IDisposable
{
    private static readonly TimeSpan Prompt = TimeSpan.FromMilliseconds(200);

    private readonly TestNode node = new(TestNode.Domain("c", "vda"), TestNode.Domain("a", "vda"), TestNode.Domain("b", "vda"));
    private readonly ManualResetEventSlim gate = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        gate.Set();
        node.Dispose();
    }

    [Fact]
    public async Task A_domain_that_answers_late_comes_last()
    {
        using var rented = ConnectionPool.Rent(node.Uri);
        var names = new List<string>();
        foreach (var (_, answer) in new DomainSurvey(Prompt, TimeSpan.FromMinutes(1)).Read(rented.Connection, _ => true, Read, Token))
        {
            names.Add(await answer!);
            if (names.Count == 2)
            {
                gate.Set();
            }
        }

        Assert.Equal(["b", "c", "a"], names);
    }

    [Fact]
    public void A_domain_that_does_not_answer_is_named_and_not_waited_for()
    {
        using var rented = ConnectionPool.Rent(node.Uri);
        Assert.Equal(
            [("b", true), ("c", true), ("a", false)],
            new DomainSurvey(Prompt, Prompt * 2).Read(rented.Connection, _ => true, Read, Token).Select(read => (read.Name, read.Answer is not null)));
    }

    [Fact]
    public void Waiting_can_be_cancelled()
    {
        using var rented = ConnectionPool.Rent(node.Uri);
        using var stop = new CancellationTokenSource(Prompt);
        Assert.Throws<OperationCanceledException>(
            () => new DomainSurvey(TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1)).Read(rented.Connection, name => name == "a", Read, stop.Token).Count());
    }

    private string Read(LibvirtDomain native)
    {
        var name = native.Name;
        if (name == "a")
        {
            gate.Wait(Token);
        }

        return name;
    }
}
