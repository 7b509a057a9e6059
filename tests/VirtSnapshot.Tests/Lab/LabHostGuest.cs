using System.Globalization;
using VirtSnapshot.Domains;
using Xunit;

namespace VirtSnapshot.Tests.Lab;

/// <summary>A real guest on the lab host, whose record writer is at work unless it was switched off.</summary>
public sealed class LabHostGuest(LabHost host, string name)
{
    public string Name => name;

    public LabHost Host => host;

    /// <summary>The domain as it is now, through the host's own libvirt.</summary>
    public VmDomain Domain => DomainFinder.FindOne(host.Uri, name, TestContext.Current.CancellationToken);

    /// <summary>The number of the last record that the guest says is on all its disks.</summary>
    public int LastAcknowledged() =>
        int.TryParse(host.Run("tail", "-n", "1", $"{LabHost.GuestFolder}/{name}.acknowledged"), NumberStyles.AllowTrailingWhite,
            CultureInfo.InvariantCulture, out var number) ? number : 0;

    /// <summary>Waits until the guest has written on: a record to all disks takes an emulated host a second.</summary>
    public void WaitForMoreRecords(int atLeast = 1)
    {
        if (!TryWaitForMoreRecords(atLeast, TimeSpan.FromMinutes(3)))
        {
            throw new TimeoutException($"Guest '{name}' on the lab host wrote nothing for three minutes: is it frozen?");
        }
    }

    public bool TryWaitForMoreRecords(int atLeast, TimeSpan patience)
    {
        // In one session: asking again and again would take the time from the guest.
        const string Script = "[ \"$(tail -n 0 -f -- \"$1\" | head -n \"$2\" | wc -l)\" -eq \"$2\" ]";
        const int TimedOut = 124;
        var result = (ExitCode: 0, Output: "", Errors: "");
        TimeSpent.Waiting(() => result = host.TryRun(
            "timeout", $"{(int)patience.TotalSeconds}", "sh", "-c", Script, "sh", $"{LabHost.GuestFolder}/{name}.acknowledged", $"{atLeast}"));
        return result.ExitCode switch
        {
            0 => true,
            TimedOut => false,
            var other => throw new InvalidOperationException($"The records of guest '{name}' cannot be watched: exit code {other}\n{result.Errors}"),
        };
    }

    /// <summary>
    /// The guest writes nothing since its processor stands still, as seen once after it was suspended: a defect of the emulation. That it is frozen or paused
    /// would be ours.
    /// </summary>
    public void AssertHangs()
    {
        string[] virsh = ["virsh", "-q", "-c", "qemu:///system"];
        Assert.Equal("running", host.Run([.. virsh, "domstate", name]).Trim());
        var answer = host.TryRun([.. virsh, "qemu-agent-command", name, "--timeout", "20", """{"execute":"guest-fsfreeze-status"}"""]);
        Assert.True(answer.ExitCode != 0, $"Guest '{name}' on the lab host writes nothing, and its agent says: {answer.Output}");
    }

    /// <summary>Runs a program in the guest through its agent.</summary>
    public string Run(params string[] command) => host.Run(["/lab/in-guest.sh", "qemu:///system", name, .. command]);

    /// <summary>Reads the records out of an image on the host, having checked each of them and the file system.</summary>
    /// <returns>The number of the last record; all before it are there.</returns>
    public int ReadRecords(string image, string format = "raw", bool crashed = false)
    {
        string[] mode = crashed ? ["--crashed"] : [];
        var lines = host.Run(["/lab/records.sh", .. mode, image, format]).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return lines.Length == 0 ? 0 : int.Parse(lines[^1].AsSpan(0, 10), CultureInfo.InvariantCulture);
    }
}
