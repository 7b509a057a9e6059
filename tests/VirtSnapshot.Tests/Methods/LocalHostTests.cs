using System.Diagnostics;
using VirtSnapshot.Hosts;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Methods;

public sealed class LocalHostTests : IDisposable
{
    private readonly LocalHost host = new("test:///default");
    private readonly string folder = Directory.CreateTempSubdirectory("vs-host-").FullName;

    private string NewFile => Path.Combine(folder, "new");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void A_program_s_output_and_exit_code_are_its_own()
    {
        var result = host.Run("sh", ["-c", "echo \"$1\"; echo bad >&2; exit 3", "sh", "a'b \"$(id)"], TestContext.Current.CancellationToken);
        Assert.Equal((3, "a'b \"$(id)\n", false), (result.ExitCode, result.Output, result.Succeeded));
        Assert.Equal("bad", result.ToolError);
        Assert.Equal("C\n", host.Run("sh", ["-c", "echo $LC_ALL"], TestContext.Current.CancellationToken).Output);
        Assert.Contains("exit code 1", host.Run("false", [], TestContext.Current.CancellationToken).ToolError, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Loop_devices_that_come_and_go_meanwhile_are_no_error()
    {
        // In the shell, for it must be often.
        File.WriteAllBytes(NewFile, new byte[1 << 20]);
        using var stop = new CancellationTokenSource();
        var changing = Task.Run(() => Assert.Throws<OperationCanceledException>(() => host.Run(
            "sh", ["-c", "while :; do losetup --detach \"$(losetup --find --show \"$1\")\"; done", "sh", NewFile], stop.Token)));
        try
        {
            for (var watch = Stopwatch.StartNew(); watch.Elapsed < TimeSpan.FromSeconds(2);)
            {
                host.ReadOpenFiles();
            }
        }
        finally
        {
            await stop.CancelAsync();
            await changing;
            var left = LabScript.RunProgram("losetup", "--noheadings", "--output", "NAME", "--associated", NewFile);
            foreach (var device in left.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                LabScript.RunProgram("losetup", "--detach", device.Trim());
            }
        }
    }

    [Fact]
    public void A_program_that_is_missing_names_itself()
    {
        var error = Assert.Throws<VirtSnapshotException>(() => host.Run("surely-no-such-program", [], TestContext.Current.CancellationToken));
        Assert.Equal((FailureKind.ResourceUnavailable, "ProgramMissing"), (error.Kind, error.ErrorId));
        Assert.Contains("surely-no-such-program", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Stopping_ends_the_program_and_its_children()
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        var watch = Stopwatch.StartNew();
        Assert.Throws<OperationCanceledException>(() => host.Run("sh", ["-c", "sleep 60 & wait"], stop.Token));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"It took {watch.Elapsed}.");
    }

    [Fact]
    public void A_new_file_is_its_owner_s_alone_and_that_of_a_group_that_may_write_its_like()
    {
        var like = host.Stat(folder)! with { Owner = 4711, Group = 4712, Mode = 0x81B6 };
        host.CreateFile(NewFile, "hello"u8, like);
        Assert.Equal("hello", File.ReadAllText(NewFile));
        var facts = host.Stat(NewFile)!;
        Assert.Equal((4711u, 4712u, 0x1B0, true), (facts.Owner, facts.Group, facts.Mode & 0xFFF, facts.IsRegularFile));

        File.Delete(NewFile);
        Create();
        Assert.Equal(0x180, host.Stat(NewFile)!.Mode & 0xFFF);
    }

    [Fact]
    public void Nothing_that_stands_there_is_overwritten()
    {
        File.WriteAllText(NewFile, "mine");
        Assert.Throws<IOException>(Create);
        Assert.Equal("mine", File.ReadAllText(NewFile));
    }

    [Fact]
    public void A_link_to_nothing_is_not_followed()
    {
        var elsewhere = Path.Combine(folder, "elsewhere");
        File.CreateSymbolicLink(NewFile, elsewhere);
        Assert.Throws<IOException>(Create);
        Assert.False(File.Exists(elsewhere));
        Assert.NotNull(host.Stat(NewFile));
    }

    [Fact]
    public void Stat_tells_what_stands_there_and_follows_links_only_when_asked()
    {
        File.WriteAllText(NewFile, "four");
        var link = Path.Combine(folder, "link");
        File.CreateSymbolicLink(link, NewFile);
        Assert.Equal(4ul, host.Stat(NewFile)!.Size);
        Assert.False(host.Stat(link)!.IsRegularFile);
        Assert.True(host.Stat(link, followLink: true)!.IsSameFileAs(host.Stat(NewFile)!));
        Assert.True(host.Stat(folder)!.IsDirectory);
        Assert.Null(host.Stat(NewFile + "-not"));
        Assert.True(host.Stat("/dev/loop0") is null or { IsBlockDevice: true });
    }

    [Fact]
    public void A_path_through_a_file_is_nothing_that_stands_there() => Assert.Null(host.Stat("/etc/passwd/x"));

    [Fact]
    public void Who_has_a_file_open_is_found_by_any_name_of_it()
    {
        File.WriteAllText(NewFile, "x");
        var link = Path.Combine(folder, "hard");
        LabScript.RunProgram("ln", NewFile, link);
        Assert.Empty(host.ReadOpenFiles().FindUsers(NewFile));

        using var reader = Process.Start(new ProcessStartInfo("sh", ["-c", "exec sleep 60 <\"$0\"", link]))!;
        try
        {
            Assert.True(SpinWait.SpinUntil(() => host.ReadOpenFiles().FindUsers(NewFile).Any(user => user.Program == "sleep"), 10_000));
            Assert.Equal(reader.Id, Assert.Single(host.ReadOpenFiles().FindUsers(NewFile)).ProcessId);
        }
        finally
        {
            reader.Kill();
            reader.WaitForExit();
        }

        Assert.Empty(host.ReadOpenFiles().FindUsers(NewFile));
        Assert.Empty(host.ReadOpenFiles().FindUsers(NewFile + "-not"));
    }

    [Fact]
    public void A_lock_keeps_others_out_in_this_process_and_in_another()
    {
        var name = $"test-{Guid.NewGuid():N}";
        var file = $"/run/virtsnapshot/{name}.lock";
        using (host.TryLock(name))
        {
            Assert.Null(host.TryLock(name));
            Assert.Equal(1, LabScript.TryRunProgram("flock", "--nonblock", file, "true").ExitCode);
        }

        Assert.Equal(0, LabScript.TryRunProgram("flock", "--nonblock", file, "true").ExitCode);
        using var other = Process.Start(new ProcessStartInfo("flock", [file, "sleep", "60"]))!;
        try
        {
            Assert.True(SpinWait.SpinUntil(
                () =>
                {
                    using var hold = host.TryLock(name);
                    return hold is null;
                },
                10_000));
        }
        finally
        {
            // The lock ends with the process, however that ends.
            other.Kill(entireProcessTree: true);
            other.WaitForExit();
        }

        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                using var hold = host.TryLock(name);
                return hold is not null;
            },
            10_000));
        File.Delete(file);
    }

    [Fact]
    public void A_user_who_may_become_root_keeps_all_others_out()
    {
        var name = $"test-{Guid.NewGuid():N}";
        var own = new CancellationTokenRegistration();
        using (RootLock.TryAdd(own, name))
        {
            Assert.Null(host.TryLock(name));
            Assert.Null(RootLock.TryAdd(own, name));
        }

        using (host.TryLock(name))
        {
            Assert.Null(RootLock.TryAdd(own, name));
        }

        // Its input is closed when we end, however that happens.
        using (var hold = RootLock.TryAdd(own, name))
        {
            Assert.NotNull(hold);
        }

        Assert.False(File.Exists($"/run/virtsnapshot/{name}.lock"));
    }

    private void Create() => host.CreateFile(NewFile, "x"u8, null);
}
