using System.Text.Json;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>A user of this machine who is not root, and whose hypervisor has its files as others.</summary>
public sealed class OrdinaryUserTests(LabFixture lab) : FaultTest(lab)
{
    [Fact]
    [Trait("Quick", "no")]
    public void Who_has_sudo_does_it_all_and_who_has_not_is_told_so_and_nothing_is_touched()
    {
        using (var unable = new HostAccount(hasSudo: false))
        {
            Assert.StartsWith("OverlayDirectoryNotWritable", Run(unable, new CrashTestRequest { Work = CrashTestWork.Snapshot }), StringComparison.Ordinal);
            AssertAgreement(Live);
        }

        using var able = new HostAccount(hasSudo: true);
        Assert.Equal($"{Consistency.Quiesced}", Run(able, new CrashTestRequest { Work = CrashTestWork.Snapshot }));
        AssertAgreement(Live, "fault");

        // He sees root's reader as well.
        using (File.OpenRead(Named(Live, "fault")[0].BackupSource.Path!))
        {
            Assert.Equal("SourceInUse", Run(able, new CrashTestRequest { Work = CrashTestWork.Removal }));
        }

        Assert.Equal("Removed", Run(able, new CrashTestRequest { Work = CrashTestWork.Removal }));
        AssertAllRecordsThere(Live);
    }

    /// <summary>In a home of his own, for he need not be able to look into ours.</summary>
    private string Run(HostAccount user, CrashTestRequest request)
    {
        var program = $"/tmp/{user.Name}/tests";
        if (!Directory.Exists(program))
        {
            LabScript.RunProgram("cp", "-rL", AppContext.BaseDirectory, program);
            LabScript.RunProgram("chown", "-R", user.Name, program);
        }

        return LabScript.TryRunProgram(
            "runuser", "-u", user.Name, "--", "env", $"HOME=/tmp/{user.Name}", "XDG_RUNTIME_DIR=", $"{program}/VirtSnapshot.Tests", "crash-test",
            JsonSerializer.Serialize(request with { Uri = Lab.Uri, Domain = Live.Name })).Output.Trim();
    }
}
