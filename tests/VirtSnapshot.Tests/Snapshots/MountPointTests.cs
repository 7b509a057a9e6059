using VirtSnapshot.Quiescing;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Snapshots;

public class MountPointTests(LabFixture lab)
{
    private TestGuest Guest => lab.Guest("records", [.. TestGuest.WritesFast]);

    [Fact]
    public void Only_the_disk_whose_file_system_was_frozen_is_quiesced()
    {
        var snapshots = Engine.Take(Guest.Domain, quiescing: Engine.Required with { MountPoints = ["/mnt/vdb"] });
        Assert.Equal(
            [("vda", Consistency.CrashConsistent), ("vdb", Consistency.Quiesced)],
            snapshots.Select(snapshot => (snapshot.Disk, snapshot.Consistency!.Value)));
        TestGuest.ReadRecords(snapshots[1].BackupSource.Path!);
        Guest.WaitForMoreRecords();
        Engine.Remove(Guest.Domain, snapshots);
        Engine.AssertNothingLeft(Guest.Domain);
    }

    [Fact]
    public void A_mount_point_that_is_not_there_is_an_error_naming_those_that_are()
    {
        var error = Engine.Refused(() => Engine.Take(Guest.Domain, quiescing: Engine.Required with { MountPoints = ["/mnt/vda", "/none"] }));
        Assert.Equal((FailureKind.ObjectNotFound, "MountPointNotFound"), (error.Kind, error.ErrorId));
        Assert.Contains("'/none'", error.Message, StringComparison.Ordinal);
        Assert.Contains("/mnt/vda, /mnt/vdb", error.Message, StringComparison.Ordinal);
        Engine.AssertNothingLeft(Guest.Domain);
        Guest.WaitForMoreRecords();
    }
}
