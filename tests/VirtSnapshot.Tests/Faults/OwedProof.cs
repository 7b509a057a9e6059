using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>
/// The proof that no record is lost and that the engine can go on, once for all tests of a class, when the last of them has run: the guest's records follow on
/// from each other, so what any test has lost is missed then. It is a quiesced set of both disks, read on the host and removed. A failure is a class's that could
/// not be cleaned up.
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
        Engine.Remove(guest.Domain, SnapshotList.Of(guest.Domain));
        guest.WaitForMoreRecords(1);
        FaultTest.AssertAgreement(guest);
    }
}
