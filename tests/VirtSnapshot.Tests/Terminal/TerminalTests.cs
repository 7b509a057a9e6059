using System.Diagnostics;
using VirtSnapshot.Methods;
using VirtSnapshot.Tests.Faults;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Terminal;

/// <summary>What an administrator sees at a terminal, and can stop or refuse there, with a real guest.</summary>
public sealed class TerminalTests(LabFixture lab) : FaultTest(lab)
{
    [Fact]
    public void Ctrl_c_while_the_freeze_hangs_ends_the_command_and_the_guest_is_thawed()
    {
        var standing = Standing(Live);
        using (var terminal = new PwshTerminal(Lab.Uri))
        using (var slow = SlowFreeze.Of(Live))
        {
            terminal.Type("New-DiskSnapshot faults -QuiesceRequired -FreezeTimeout 120\r");
            slow.WaitUntilItFreezes();

            var sinceStopped = Stopwatch.StartNew();
            terminal.Type(PwshTerminal.Stop);
            var shown = terminal.ReadUntilPrompt();
            Assert.InRange(sinceStopped.Elapsed.TotalSeconds, 0, 5);

            // No error and no result: who pressed Ctrl+C knows it.
            Assert.Matches(@"-FreezeTimeout 120\s+ready> $", shown);
            Assert.Equal(standing, Standing(Live));

            // The session goes on.
            Assert.Contains("Running", terminal.Run("\"$((Get-VmDomain faults).State)\""), StringComparison.Ordinal);
        }

        Guard.AssertThawed(Live, 30);
        Guard.AssertGone(Live);
        AssertAgreement(Live);
        AssertAllRecordsThere(Live);
    }

    [Fact]
    public void A_command_that_asks_names_what_it_would_do_and_does_only_what_is_confirmed()
    {
        AssertAgreement(Live);
        using var terminal = new PwshTerminal(Lab.Uri);

        terminal.Type("New-DiskSnapshot faults -Name asked -NoQuiesce -Confirm\r");
        var plan = terminal.ReadUntil("(default is \"Y\"): ");
        Assert.Contains("Snapshot 'asked' of domain 'faults', one atomic set:", plan, StringComparison.Ordinal);
        Assert.Contains("faults/vda: qemu", plan, StringComparison.Ordinal);
        Assert.Contains("faults/vdb: qemu", plan, StringComparison.Ordinal);
        terminal.Run("N");
        AssertAgreement(Live);

        Engine.Take(Live.Domain, "asked");
        terminal.Type("Get-DiskSnapshot faults | Remove-DiskSnapshot\r");
        Assert.Contains("\"faults/vda@asked\"", terminal.ReadUntil("(default is \"Y\"): "), StringComparison.Ordinal);
        terminal.Type("N\r");
        Assert.Contains("\"faults/vdb@asked\"", terminal.ReadUntil("(default is \"Y\"): "), StringComparison.Ordinal);
        terminal.Run("N");
        AssertAgreement(Live, "asked");

        terminal.Type("Remove-DiskSnapshot faults -Name asked\r");
        terminal.ReadUntil("(default is \"Y\"): ");
        terminal.Run("A");
        AssertAgreement(Live);
    }

    [Fact]
    public void A_merge_shows_its_progress_and_says_how_to_go_on_when_ctrl_c_stops_it()
    {
        Engine.Take(Live.Domain, "slow");
        Live.Run("/bin/busybox", "dd", "if=/dev/urandom", "of=/mnt/vda/big", "bs=1M", "count=4", "conv=fsync");
        Live.Run("/bin/busybox", "rm", "/mnt/vda/big");
        using (var terminal = new PwshTerminal(Lab.Uri))
        {
            terminal.Type("Remove-DiskSnapshot faults -Name slow -Disk vda -Bandwidth 256KB -Confirm:$false\r");
            terminal.ReadUntil("Merging faults/vda [");
            Assert.Matches(@"\d\.\d of \d+\.\d +MiB", terminal.ReadUntil("MiB"));

            terminal.Type(PwshTerminal.Stop);
            var shown = terminal.ReadUntilPrompt();
            Assert.Contains("WARNING: Merging disk 'vda' of domain 'faults' was stopped.", shown, StringComparison.Ordinal);
            Assert.Contains("Run Remove-DiskSnapshot or Repair-DiskSnapshot.", shown, StringComparison.Ordinal);
        }

        Assert.Equal(SnapshotState.Removing, Named(Live, "slow").Single(snapshot => snapshot.Disk == "vda").State);
        Engine.Remove(Live.Domain, Named(Live, "slow"));
        AssertAllRecordsThere(Live);
    }

    /// <summary>A guest that has so much to write to so slow a disk that freezing its file systems does not end.</summary>
    private sealed class SlowFreeze : IDisposable
    {
        private const string Mark = "a freeze has begun";

        private readonly TestGuest guest;

        private SlowFreeze(TestGuest guest) => this.guest = guest;

        public static SlowFreeze Of(TestGuest guest)
        {
            // Only the guest's console tells of the freeze: its agent is in the midst of it. Deleting the
            // file before the file system is frozen would shorten the freeze, so it is deleted later.
            guest.Run(
                "/bin/sh",
                "-c",
                "dd if=/dev/urandom of=/mnt/vdb/dirty bs=1M count=8 2>/dev/null; before=$(grep -c 'disabling command: guest-fsfreeze-freeze$' /run/qga.log); "
                + "setsid sh -c \"until [ \\$(grep -c 'disabling command: guest-fsfreeze-freeze$' /run/qga.log) -gt $before ]; do sleep 0.1; done; "
                + $"echo {Mark} >/dev/console; sleep 20; rm /mnt/vdb/dirty\" </dev/null >/dev/null 2>&1 &");
            guest.Lab.Virsh("blkdeviotune", guest.Name, "vdb", "--total-bytes-sec", "65536", "--live");
            return new SlowFreeze(guest);
        }

        public void WaitUntilItFreezes() => Poll.Until(() => Console().Contains(Mark, StringComparison.Ordinal), 60, "The guest does not freeze.");

        public void Dispose() => guest.Lab.Virsh("blkdeviotune", guest.Name, "vdb", "--total-bytes-sec", "0", "--live");

        private string Console()
        {
            using var reader = new StreamReader(new FileStream(
                Path.Combine(guest.Lab.Folder, $"{guest.Name}.console.log"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
            return reader.ReadToEnd();
        }
    }
}
