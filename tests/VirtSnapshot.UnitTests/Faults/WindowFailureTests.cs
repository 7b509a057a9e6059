using System.Net.Sockets;
using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;
using VirtSnapshot.Quiescing;
using Xunit;

namespace VirtSnapshot.UnitTests.Faults;

/// <summary>Whatever fails while a guest is frozen or paused is an error that users can tell.</summary>
public sealed class WindowFailureTests
{
    private static readonly VmDomain Domain = new("<domain/>", static (_, _) => null)
    {
        Name = "web1",
        Uuid = Guid.Parse("5f3c2e5a-6a64-4d0c-8f5d-0d6c2a1b3c4d"),
        State = DomainState.Running,
        Uri = "test:///default",
        IsPersistent = true,
    };

    public static TheoryData<Exception> Foreign =>
    [
        new IOException("why"),
        new ObjectDisposedException("pipe", "why"),
        new TimeoutException("why"),
        new OperationCanceledException("why"),
        new CallTimeoutException(Task.CompletedTask, TimeSpan.FromSeconds(2)),
        new AggregateException(new AggregateException(new InvalidOperationException("why"))),
        new SocketException((int)SocketError.ConnectionReset),
    ];

    [Theory]
    [MemberData(nameof(Foreign), DisableDiscoveryEnumeration = true)]
    public void What_is_thrown_there_is_a_failed_snapshot(Exception foreign)
    {
        var error = WindowFailure.Explain(foreign, Domain);

        Assert.Equal((FailureKind.InvalidResult, "SnapshotFailed"), (error.Kind, error.ErrorId));
        Assert.Contains("'web1'", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("One or more errors", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void No_error_of_libvirt_is_without_a_category()
    {
        const int unknown = 9999;
        foreach (var code in Enum.GetValues<LibvirtErrorCode>().Append((LibvirtErrorCode)unknown))
        {
            Assert.NotEqual(FailureKind.NotSpecified, WindowFailure.Explain(new LibvirtException(code, "why"), Domain).Kind);
        }
    }
}
