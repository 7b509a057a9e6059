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
        foreach (var (_, answer) in Survey(rented, new DomainSurvey(Prompt, TimeSpan.FromMinutes(1)), _ => true, Token))
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
            Survey(rented, new DomainSurvey(Prompt, Prompt * 2), _ => true, Token).Select(read => (read.Name, read.Answer is not null)));
    }

    [Fact]
    public void Waiting_can_be_cancelled()
    {
        using var rented = ConnectionPool.Rent(node.Uri);
        using var stop = new CancellationTokenSource(Prompt);
        Assert.Throws<OperationCanceledException>(
            () => Survey(rented, new DomainSurvey(TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1)), name => name == "a", stop.Token).Count());
    }

    private IEnumerable<(string Name, Task<string>? Answer)> Survey(
        RentedConnection rented, DomainSurvey survey, Predicate<string> isWanted, CancellationToken token) =>
        survey.Read(node.Uri, rented.Connection.ListDomains(), isWanted, Read, token);

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
