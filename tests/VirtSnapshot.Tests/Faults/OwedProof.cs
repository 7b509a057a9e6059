using VirtSnapshot.Quiescing;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>
/// Proves, when the last test of a class has run, that no record is lost and that the engine still works: a quiesced set of both disks is read on the host and
/// removed. Records are numbered consecutively, so one that any of the tests lost is missing then. A failure is reported as the class's clean-up failure.
/// </summary>
public sealed class OwedProof : IDisposable
{
    private TestGuest? guest;

    public void Owe(TestGuest to) => guest = to;

    public void Dispose()
    {
        if (guest is null)
        {
            return;
        }

        var acknowledged = guest.LastAcknowledged();
        var proof = Engine.Take(guest.Domain, "proof", quiescing: Engine.Required);
        Assert.All(proof, snapshot => Assert.Equal(Consistency.Quiesced, snapshot.Consistency));
        var last = proof.Select(snapshot => TestGuest.ReadRecords(snapshot.BackupSource.Path!)).ToList();
        Assert.InRange(last[0] - last[1], 0, 1);
        Assert.True(last.Min() >= acknowledged, $"Records up to {acknowledged} were acknowledged, but {string.Join(" and ", last)} are the last.");
        Engine.Remove(guest.Domain, Engine.List(guest.Domain));
        guest.WaitForMoreRecords(1);
        FaultTest.AssertAgreement(guest);
    }
}
