using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using VirtSnapshot.Hosts;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Remote;

public sealed class SshHostTests(SshServer server) : IDisposable
{
    /// <summary>What shells, ssh and stat trip over.</summary>
    private static readonly string[] Hostile =
    [
        "", " ", "a b", "'", "''", "a'b'c", "\"", "\\", "\\'", "$HOME", "$(id)", "`id`", "*", "?", "[a]", "~", "~root", "a\nb", "\n", "\t", "\r", "a;b",
            "a|b", "a&b", "a>b", "a<b",
        "!!", "#", "%", "%s", "%%", "-n", "--", "-", "é", "日本語", "😀", "a\u0001b", "{a,b}", "=x", "x=y", "\\n", "\\0", "'\\''", "$'x'",
    ];

    private readonly string folder = Directory.CreateTempSubdirectory("vs-host-").FullName;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private SshHost Host => server.Host();

    private string NewFile => Path.Combine(folder, "new");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("bash")]
    [InlineData("dash")]
    [InlineData("sh")]
    [InlineData("busybox sh")]
    public void Arguments_of_any_character_survive_every_login_shell(string shell)
    {
        using var configured = server.Configured("shell", $"ForceCommand exec {shell} -c \"$SSH_ORIGINAL_COMMAND\"\n");
        AssertArgumentsSurvive(server.Host(command: server.AnotherCommand("exec \"$real\" \"$@\"")));
    }

    [Theory]
    [InlineData("bash")]
    [InlineData("busybox")]
    public void Everything_works_whatever_that_host_s_sh_is(string shell)
    {
        var programs = Directory.CreateDirectory(Path.Combine(folder, "programs")).FullName;
        File.CreateSymbolicLink(Path.Combine(programs, "sh"), LabScript.RunProgram("which", shell).Trim());
        using var configured = server.Configured("sh", $"ForceCommand PATH={programs}:$PATH; eval \"$SSH_ORIGINAL_COMMAND\"\n");
        var command = server.AnotherCommand("exec \"$real\" \"$@\"");
        var host = server.Host(command: command);
        Assert.Contains(shell, host.Run("sh", ["-c", "readlink /proc/$$/exe; true"], Token).Output, StringComparison.Ordinal);
        AssertArgumentsSurvive(host);

        var content = new byte[100_000];
        Random.Shared.NextBytes(content);
        var like = host.Stat(folder)! with { Owner = 4711, Group = 4712, Mode = 0x81B6 };
        host.CreateFile(NewFile, content, like);
        Assert.Throws<IOException>(() => host.CreateFile(NewFile, content, like));
        Assert.Equal(content, File.ReadAllBytes(NewFile));
        Assert.Equal("660 4711", LabScript.RunProgram("stat", "-c", "%a %u", NewFile).Trim());
        var link = NewFile + "-link";
        File.CreateSymbolicLink(link, Environment.ProcessPath!);
        using (host.ReadAhead([link, NewFile, folder, NewFile + "-not", "/etc/passwd"]))
        {
            var before = server.Connection(command: command).RoundTrips;
            Assert.Equal(new LocalHost("test:///default").Stat(NewFile), host.Stat(NewFile));
            Assert.Equal(new LocalHost("test:///default").Stat(link, followLink: true), host.Stat(link, followLink: true));
            Assert.Equal(content[..4096], host.ReadHead(NewFile, 4096));
            Assert.Equal("\u007fELF"u8.ToArray(), host.ReadHead(link, 4));
            Assert.Equal(File.ReadAllBytes("/etc/passwd").Take(100), host.ReadHead("/etc/passwd", 100));
            Assert.Null(host.Stat(NewFile + "-not"));
            Assert.True(host.CanWriteTo(folder) && host.FreeSpace(folder) > 0);

            // What busybox' own stat cannot tell of all files together is asked of each.
            Assert.Equal(shell == "bash", before == server.Connection(command: command).RoundTrips);
        }

        File.Delete(link);
        Assert.Equal([NewFile], host.ListFiles(folder));
        using (File.OpenRead(NewFile))
        {
            if (shell == "busybox")
            {
                // Its own find cannot tell, and that is not taken for nobody.
                Assert.Contains("findutils", Assert.Throws<VirtSnapshotException>(host.ReadOpenFiles).Message, StringComparison.Ordinal);
            }
            else
            {
                Assert.Contains(host.ReadOpenFiles().FindUsers(NewFile), user => user.ProcessId == Environment.ProcessId);
            }
        }

        var name = $"test-{Guid.NewGuid():N}";
        using (host.TryLock(name))
        {
            Assert.Null(host.TryLock(name));
            host.Delete(NewFile);
        }

        Assert.False(File.Exists($"/run/virtsnapshot/{name}.lock"));
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(3));
        Assert.Throws<OperationCanceledException>(() => host.Run("sleep", ["63.5"], stop.Token));
        Assert.True(SpinWait.SpinUntil(() => LabScript.TryRunProgram("pgrep", "-fx", "sleep 63.5").ExitCode == 1, 10_000), "It still runs.");
    }

    [Fact]
    public void A_program_s_output_and_exit_code_are_its_own()
    {
        var result = Host.Run("sh", ["-c", "echo \"$1\"; echo bad >&2; exit 3", "sh", "a'b \"$(id)"], Token);
        Assert.Equal((3, "a'b \"$(id)\n", false, "sh"), (result.ExitCode, result.Output, result.Succeeded, result.Program));
        Assert.Equal("bad", result.ToolError);
        Assert.Equal("C\n", Host.Run("sh", ["-c", "echo $LC_ALL"], Token).Output);
        Assert.Equal("", Host.Run("cat", [], Token).Output);

        // ssh's own code for its own failures is a program's, too.
        Assert.Equal(255, Host.Run("sh", ["-c", "exit 255"], Token).ExitCode);
        Assert.Equal(127, Host.Run("sh", ["-c", "exit 127"], Token).ExitCode);
        Assert.Contains("/usr/sbin", Host.Run("sh", ["-c", "echo $PATH"], Token).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_login_shell_says_is_nobody_s_output()
    {
        using var configured = server.Configured("noise", "ForceCommand echo noise; echo noise >&2; eval \"$SSH_ORIGINAL_COMMAND\"\n");
        var host = server.Host(command: server.AnotherCommand("exec \"$real\" \"$@\""));
        var result = host.Run("sh", ["-c", "echo out; echo err >&2"], Token);
        Assert.Equal(("out\n", "err\n"), (result.Output, result.Errors));
        using var script = host.StartScript("echo mine; read -r line; echo \"$line\"", ["name"]);
        Assert.Equal("mine", script.ReadLine(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public void Much_output_comes_whole()
    {
        var result = Host.Run("sh", ["-c", "head -c 3000000 /dev/zero | tr '\\0' x; head -c 300000 /dev/zero | tr '\\0' y >&2"], Token);
        Assert.Equal((3_000_000, 300_000), (result.Output.Length, result.Errors.Length));
    }

    [Fact]
    public void A_program_that_is_missing_names_its_package()
    {
        var error = Assert.Throws<VirtSnapshotException>(() => Host.Run("surely-no-such-program", [], Token));
        Assert.Equal((FailureKind.ResourceUnavailable, "ProgramMissing"), (error.Kind, error.ErrorId));
        Assert.Contains("surely-no-such-program", error.Message, StringComparison.Ordinal);

        Assert.Equal("lvm2", HostProgram.PackageOf("lvs"));
        Assert.Equal("btrfs-progs", HostProgram.PackageOf("btrfs"));
        Assert.Equal("coreutils", HostProgram.PackageOf("stat"));
    }

    [Fact]
    public void Stopping_ends_the_program_and_its_children_over_there()
    {
        var mark = $"{Random.Shared.Next(10_000, 99_999)}.5";
        using var stop = new CancellationTokenSource();
        var watch = Stopwatch.StartNew();
        stop.CancelAfter(TimeSpan.FromSeconds(2));
        Assert.Throws<OperationCanceledException>(() => Host.Run("sh", ["-c", $"trap '' TERM HUP; sleep {mark} & sleep {mark}; wait"], stop.Token));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(30), $"It took {watch.Elapsed}.");
        Assert.True(SpinWait.SpinUntil(() => LabScript.TryRunProgram("pgrep", "-f", $"sleep {mark}").ExitCode == 1, 5_000), "A child still runs.");
    }

    [Fact]
    public void Nobody_can_use_our_connections()
    {
        Host.Run("true", [], Token);
        Assert.Equal("700\n", LabScript.RunProgram("stat", "-c", "%a", "/run/virtsnapshot"));
    }

    [Fact]
    public void A_new_file_is_its_owner_s_alone_and_that_of_a_group_that_may_write_its_like()
    {
        var like = Host.Stat(folder)! with { Owner = 4711, Group = 4712, Mode = 0x81B6 };
        var content = new byte[200_000];
        Random.Shared.NextBytes(content);
        Host.CreateFile(NewFile, content, like);
        Assert.Equal(content, File.ReadAllBytes(NewFile));
        var facts = Host.Stat(NewFile)!;
        Assert.Equal((4711u, 4712u, 0x1B0, true), (facts.Owner, facts.Group, facts.Mode & 0xFFF, facts.IsRegularFile));
        Assert.Equal(content[..5000], Host.ReadHead(NewFile, 5000));

        Host.Delete(NewFile);
        Assert.False(File.Exists(NewFile));
        Host.Delete(NewFile);
        Create();
        Assert.Equal(0x180, Host.Stat(NewFile)!.Mode & 0xFFF);
        Host.SyncDirectory(folder);
        Assert.Throws<IOException>(() => Host.SyncDirectory(folder + "-not"));
    }

    [Fact]
    public void A_file_is_never_open_to_others_while_it_is_made()
    {
        // Its input does not end, so it stays half made.
        var script = HostScriptText.Read("create-file.sh");
        using var making = server.Connection().Start(script, ["x", NewFile, "10", "4711", "4712", "660"], asRoot: true);
        making.WriteLine("1234");
        Assert.True(SpinWait.SpinUntil(() => File.Exists(NewFile) && new FileInfo(NewFile).Length == 5, 20_000));
        Assert.Equal("600 0", LabScript.RunProgram("stat", "-c", "%a %u", NewFile).Trim());

        // We die before all has arrived: nothing is left behind.
        making.Dispose();
        Assert.True(SpinWait.SpinUntil(() => !File.Exists(NewFile), 20_000));
    }

    [Fact]
    public void Nothing_that_stands_there_is_overwritten()
    {
        File.WriteAllText(NewFile, "mine");
        Assert.Throws<IOException>(Create);
        Assert.Equal("mine", File.ReadAllText(NewFile));
        Assert.Throws<IOException>(() => Host.CreateFile("/dev/null", "x"u8, null));
        Assert.Throws<IOException>(() => Host.CreateFile(folder, "x"u8, null));
        Assert.Throws<IOException>(() => Host.CreateFile(Path.Combine(folder, "not", "there"), "x"u8, null));
    }

    [Fact]
    public void A_link_to_nothing_is_not_followed()
    {
        var elsewhere = Path.Combine(folder, "elsewhere");
        File.CreateSymbolicLink(NewFile, elsewhere);
        Assert.Throws<IOException>(Create);
        Assert.False(File.Exists(elsewhere));
        Assert.NotNull(Host.Stat(NewFile));
    }

    [Fact]
    public void A_full_file_system_leaves_nothing_behind()
    {
        LabScript.RunProgram("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder);
        try
        {
            var error = Assert.Throws<IOException>(() => Host.CreateFile(NewFile, new byte[100_000], null));
            Assert.True(ToolError.IsNoSpace(error.Message), error.Message);
            Assert.Empty(Directory.GetFiles(folder));
        }
        finally
        {
            LabScript.RunProgram("umount", folder);
        }
    }

    [Fact]
    public void The_facts_are_those_that_this_machine_itself_finds()
    {
        var local = new LocalHost("test:///default");
        File.WriteAllText(NewFile, "four");
        var link = Path.Combine(folder, "link");
        File.CreateSymbolicLink(link, NewFile);
        foreach (var path in new[] { NewFile, link, folder, "/dev/null", "/dev/loop0", "/proc", "/etc/passwd", "/dev/shm", NewFile + "-not", "/etc/passwd/x" })
        {
            Assert.Equal(local.Stat(path), Host.Stat(path));
            Assert.Equal(local.Stat(path, followLink: true), Host.Stat(path, followLink: true));
        }

        Assert.Equal(local.CanWriteTo("/proc"), Host.CanWriteTo("/proc"));
        Assert.True(Host.CanWriteTo(folder));
        Assert.InRange(Host.FreeSpace(folder), local.FreeSpace(folder) - (1 << 30), local.FreeSpace(folder) + (1 << 30));
        Assert.Throws<IOException>(() => Host.FreeSpace(folder + "-not"));
        Assert.Throws<IOException>(() => Host.ReadHead(folder, 1));
        Assert.Throws<IOException>(() => Host.ReadHead(NewFile + "-not", 1));
    }

    [Fact]
    public void What_was_read_ahead_is_the_same_and_needs_no_journey()
    {
        var local = new LocalHost("test:///default");
        var host = Host;
        List<string> paths = [folder, "/dev/loop0", "/dev/null", NewFile + "-not", "/etc/passwd/x", folder + "/not/there"];
        var contents = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var (name, i) in Hostile.Where(name => name.Length > 0).Append("f\n==> x <==").Append("i").Append("e").Select((name, i) => (name, i)))
        {
            var path = Path.Combine(folder, name == "\n" ? "\n" : name.Replace('/', '_'));
            contents[path] = RandomNumberGenerator.GetBytes(i switch { 0 => 0, 1 => 1, 2 => 4095, 3 => 4096, 4 => 4097, _ => 5000 });
            File.WriteAllBytes(path, contents[path]);
            paths.Add(path);
        }

        var content = contents[paths[^1]];
        var link = Path.Combine(folder, "link");
        File.CreateSymbolicLink(link, paths[^1]);
        contents[link] = content;
        paths.Insert(0, link);
        using (host.ReadAhead(paths))
        {
            var before = server.Connection().RoundTrips;
            foreach (var path in paths)
            {
                Assert.Equal(local.Stat(path), host.Stat(path));
                Assert.Equal(local.Stat(path, followLink: true), host.Stat(path, followLink: true));
                if (contents.TryGetValue(path, out var expected))
                {
                    Assert.Equal(expected[..Math.Min(expected.Length, 4096)], host.ReadHead(path, 4096));
                    Assert.Equal(expected[..Math.Min(expected.Length, 10)], host.ReadHead(path, 10));
                }
            }

            Assert.True(host.CanWriteTo(folder));
            Assert.True(host.FreeSpace(folder) > 0);
            Assert.Equal(before, server.Connection().RoundTrips);
            Assert.Equal(content, host.ReadHead(paths[^1], 5000));
            Assert.Null(host.ReadAhead(paths));

            // What we change ourselves is not remembered as it was.
            host.Delete(paths[^1]);
            Assert.Null(host.Stat(paths[^1]));
            File.WriteAllText(paths[^2], "changed");
            Assert.Equal(5000ul, host.Stat(paths[^2])!.Size);
            host.Run("true", [], Token);
            Assert.Equal(7ul, host.Stat(paths[^2])!.Size);
        }

        File.WriteAllText(Path.Combine(folder, ".hidden"), "x");
        File.CreateSymbolicLink(Path.Combine(folder, "dangling"), "/nowhere");
        File.CreateSymbolicLink(Path.Combine(folder, "to-folder"), "/tmp");
        Assert.Equal(Directory.GetFiles(folder).Order(StringComparer.Ordinal), host.ListFiles(folder).Order(StringComparer.Ordinal));
        Directory.CreateDirectory(Path.Combine(folder, "inner"));
        Assert.Equal(Directory.GetFiles(folder).Length, host.ListFiles(folder).Count);
        Assert.Empty(host.ListFiles(folder + "-not"));
    }

    [Fact]
    public void Many_paths_are_looked_at_in_parts()
    {
        var host = Host;
        var paths = Enumerable.Range(0, 1000).Select(i => Path.Combine(folder, $"{i:D4}-{new string('\'', 60)}")).ToList();
        File.WriteAllText(paths[999], "x");
        using (host.ReadAhead(paths))
        {
            var before = server.Connection().RoundTrips;
            Assert.All(paths, path => Assert.Equal(path == paths[999], host.Stat(path) is not null));
            Assert.Equal(before, server.Connection().RoundTrips);
        }
    }

    [Fact]
    public void Who_has_a_file_open_is_found_by_any_name_of_it()
    {
        File.WriteAllText(NewFile, "x");
        var link = Path.Combine(folder, "hard");
        LabScript.RunProgram("ln", NewFile, link);
        Assert.Empty(Host.ReadOpenFiles().FindUsers(NewFile));

        // One that would like to be taken for a domain's QEMU.
        var domain = Guid.NewGuid();
        var hostile = $"a\n{domain}/cmdline:-uuid\na";
        using var reader = Process.Start(new ProcessStartInfo("bash", ["-c", "exec -a \"$1\" sleep 60 <\"$0\"", link, hostile]))!;
        try
        {
            Assert.True(SpinWait.SpinUntil(() => Host.ReadOpenFiles().FindUsers(NewFile, domain).Any(user => user.ProcessId == reader.Id), 20_000));
            var local = new LocalHost("test:///default");
            Assert.Equal(local.ReadOpenFiles().FindUsers(NewFile), Host.ReadOpenFiles().FindUsers(NewFile));
        }
        finally
        {
            reader.Kill();
            reader.WaitForExit();
        }

        Assert.Empty(Host.ReadOpenFiles().FindUsers(NewFile));
        Assert.Empty(Host.ReadOpenFiles().FindUsers(NewFile + "-not"));
    }

    [Fact]
    public void A_qemu_of_the_domain_itself_is_told_from_others_and_so_are_loop_devices()
    {
        LabScript.RunProgram("truncate", "-s", "1M", NewFile);
        var domain = Guid.NewGuid();
        using var qemu = Process.Start(new ProcessStartInfo("bash", ["-c", "sh -c 'sleep 60' qemu -uuid \"$1\" <\"$0\"; true", NewFile, $"{domain}"]))!;
        var device = LabScript.RunProgram("losetup", "--find", "--show", NewFile).Trim();
        try
        {
            Assert.True(SpinWait.SpinUntil(() => Host.ReadOpenFiles().FindUsers(NewFile).Count >= 2, 20_000));
            var users = Host.ReadOpenFiles().FindUsers(NewFile);
            Assert.Contains(new FileUser(0, device), users);
            Assert.Equal(
                new LocalHost("test:///default").ReadOpenFiles().FindUsers(NewFile, domain).OrderBy(user => user.ProcessId),
                Host.ReadOpenFiles().FindUsers(NewFile, domain).OrderBy(user => user.ProcessId));
            Assert.True(Host.ReadOpenFiles().FindUsers(NewFile, domain).Count < users.Count);
        }
        finally
        {
            LabScript.RunProgram("losetup", "--detach", device);
            qemu.Kill(entireProcessTree: true);
            qemu.WaitForExit();
        }
    }

    [Fact]
    public void Runs_on_the_host_itself_and_from_elsewhere_keep_each_other_out()
    {
        var name = $"test-{Guid.NewGuid():N}";
        var local = new LocalHost("test:///default");
        var host = Host;
        try
        {
            using (host.TryLock(name))
            {
                Assert.Null(local.TryLock(name));
                Assert.Null(host.TryLock(name));
                Assert.Null(server.Host().TryLock(name));
            }

            // Given back is given back at once.
            using (var own = local.TryLock(name))
            {
                Assert.NotNull(own);
                Assert.Null(host.TryLock(name));
            }

            for (var i = 0; i < 5; i++)
            {
                using var again = host.TryLock(name);
                Assert.NotNull(again);
            }
        }
        finally
        {
            File.Delete($"/run/virtsnapshot/{name}.lock");
        }
    }

    [Fact]
    public void A_lock_whose_owner_gives_no_sign_of_life_ends()
    {
        var name = $"test-{Guid.NewGuid():N}";
        using var hold = server.Connection().Start(HostScriptText.Read("lock.sh"), ["holder", name, "root", "4", ""], asRoot: true);
        Assert.Equal("locked", hold.ReadLine(TimeSpan.FromSeconds(30)));
        var local = new LocalHost("test:///default");
        for (var i = 0; i < 6; i++)
        {
            TimeSpent.Sleep(TimeSpan.FromSeconds(1));
            hold.WriteLine(".");
            Assert.Null(local.TryLock(name));
        }

        TakeSoon(local, name).Dispose();
    }

    [Fact]
    public void A_lock_whose_connection_is_lost_is_taken_again_before_anything_is_changed()
    {
        var name = $"test-{Guid.NewGuid():N}";
        var local = new LocalHost("test:///default");
        var host = Host;
        try
        {
            using var hold = host.TryLock(name);
            CutAndNotice(host);
            Create(host);
            Assert.Null(local.TryLock(name));

            CutAndNotice(host);
            using var other = TakeSoon(local, name);
            Assert.Equal("DomainLocked", Assert.Throws<VirtSnapshotException>(() => host.Delete(NewFile)).ErrorId);
            Assert.True(File.Exists(NewFile));
        }
        finally
        {
            File.Delete($"/run/virtsnapshot/{name}.lock");
        }
    }

    [Fact]
    public void A_script_hears_the_end_of_its_input_when_we_go_or_the_connection_is_cut()
    {
        const string script = "trap '' HUP INT TERM PIPE; while read -r line; do echo \"$0: $line\"; done; echo gone >\"$1\"";
        var path = Path.Combine(folder, "a'b $(id)");
        var host = Host;
        using (var running = host.StartScript(script, ["n'm", path]))
        {
            running.WriteLine("a b");
            Assert.Equal("n'm: a b", running.ReadLine(TimeSpan.FromSeconds(30)));
            Assert.Null(running.ReadLine(TimeSpan.FromMilliseconds(10)));
            LabScript.RunProgram("kill", "-TERM", $"{running.ProcessId}");
            Assert.False(File.Exists(path));
        }

        Assert.True(SpinWait.SpinUntil(() => File.Exists(path), 20_000));
        File.Delete(path);
        using var cut = host.StartScript(script, ["name", path]);
        cut.WriteLine("x");
        Assert.Equal("name: x", cut.ReadLine(TimeSpan.FromSeconds(30)));
        CutAndNotice(host);
        Assert.True(SpinWait.SpinUntil(() => File.Exists(path), 20_000));
        Assert.Null(cut.ReadLine(TimeSpan.FromSeconds(30)));
        Assert.ThrowsAny<IOException>(() =>
        {
            for (var i = 0; i < 100; i++)
            {
                cut.WriteLine("x");
                Thread.Sleep(20);
            }
        });
    }

    [Fact]
    public void A_lost_connection_is_made_again()
    {
        var host = Host;
        Assert.True(host.Run("true", [], Token).Succeeded);
        server.CutAll();
        Assert.NotNull(host.Stat("/"));
        server.CutAll();
        TimeSpent.Sleep(TimeSpan.FromSeconds(3));
        Assert.True(host.Run("true", [], Token).Succeeded);
        foreach (var master in LabScript.TryRunProgram("pgrep", "-f", $"ssh: {server.Connection().ControlPath(0)![..^2]}")
            .Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            LabScript.TryRunProgram("kill", "-KILL", master);
        }

        // Its socket is still there, and nobody behind it.
        Assert.NotNull(host.Stat("/"));
    }

    [Fact]
    public async Task Idle_sessions_of_a_lost_connection_are_not_used()
    {
        var others = Clients();
        var host = server.Host(command: server.AnotherCommand("exec \"$real\" \"$@\""));
        Assert.True(host.Run("true", [], CancellationToken.None).Succeeded);
        var first = Clients();

        // Beside a question, another one takes a client of its own, which then waits longest.
        var running = Task.Run(() => host.Run("sleep", ["2.125"], CancellationToken.None), Token);
        Assert.True(SpinWait.SpinUntil(() => LabScript.TryRunProgram("pgrep", "-fx", "sleep 2.125").ExitCode == 0, 20_000));
        Assert.NotNull(host.Stat("/"));
        var client = Assert.Single(Clients().Except(first));
        await running;

        // It does not hear that the connection is gone. The other one does and ends, so neither is used again.
        LabScript.RunProgram("kill", "-STOP", client);
        try
        {
            server.CutAll();
            Assert.True(SpinWait.SpinUntil(() => !Clients().Intersect(first.Except(others)).Any(), 20_000), "A client does not end with its connection.");
            Assert.True(host.Run("true", [], CancellationToken.None).Succeeded);

            // The new one is kept.
            var fresh = Clients();
            Assert.True(host.Run("true", [], CancellationToken.None).Succeeded);
            Assert.Empty(Clients().Except(fresh));
        }
        finally
        {
            LabScript.TryRunProgram("kill", "-KILL", client);
        }
    }

    [Fact]
    public async Task A_connection_that_is_cut_while_a_program_runs_is_no_answer()
    {
        var host = Host;
        var running = Task.Run(() => Assert.Throws<VirtSnapshotException>(() => host.Run("sleep", ["61.5"], CancellationToken.None)), Token);
        Assert.True(SpinWait.SpinUntil(() => LabScript.TryRunProgram("pgrep", "-fx", "sleep 61.5").ExitCode == 0, 20_000));
        server.CutAll();
        var error = await running;
        Assert.Equal((FailureKind.ConnectionError, "HostUnreachable"), (error.Kind, error.ErrorId));
        LabScript.TryRunProgram("pkill", "-fx", "sleep 61.5");
    }

    [Fact]
    public void Whoever_is_not_let_in_hears_ssh_s_own_words()
    {
        AssertUnreachable("exec \"$real\" -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes \"$@\"", "Host key verification failed");
        AssertUnreachable("exec \"$real\" -o IdentityFile=/dev/null -F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -p \"$(awk '$1 == \"Port\" { print $2 }' \"${real}_config\")\" \"$@\"", "Permission denied");
        AssertUnreachable("exec \"$real\" -p 1 \"$@\"", "Connection refused");
        AssertUnreachable("exit 77", "exit code 77");
        AssertUnreachable("echo hello; exit 0", "exit code 0");

        var error = Assert.Throws<VirtSnapshotException>(() => server.Host(command: "/nowhere/ssh").Name);
        Assert.Equal("ProgramMissing", error.ErrorId);
    }

    [Fact]
    public void Whoever_is_not_root_there_goes_through_sudo()
    {
        using var user = new HostAccount(hasSudo: true);
        var host = server.Host(user.Name);
        Assert.Equal(Environment.MachineName, host.Name);
        Assert.Equal("0\n", host.Run("id", ["-u"], Token).Output);
        Assert.Equal("0\n", host.RunAsRoot("id", ["-u"], Token).Output);
        Assert.Equal(Hostile, host.Run("printf", ["%s\\0", .. Hostile], Token).Output.Split('\0')[..^1]);
        Assert.Equal("ProgramMissing", Assert.Throws<VirtSnapshotException>(() => host.RunAsRoot("surely-no-such-program", [], Token)).ErrorId);

        File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        host.CreateFile(NewFile, "hello"u8, host.Stat(folder)! with { Owner = 4711, Group = 4712, Mode = 0x81B6 });
        Assert.Equal("660 4711", LabScript.RunProgram("stat", "-c", "%a %u", NewFile).Trim());
        Assert.Equal("hello"u8.ToArray(), host.ReadHead(NewFile, 10));
        Assert.Single(host.ListFiles(folder));

        var name = $"test-{Guid.NewGuid():N}";
        using (host.TryLock(name))
        {
            Assert.Null(new LocalHost("test:///default").TryLock(name));
        }

        Assert.False(File.Exists($"/run/virtsnapshot/{name}.lock"));

        // The guard has nothing to do with files.
        using var script = host.StartScript("id -u", ["name"]);
        Assert.Equal(LabScript.RunProgram("id", "-u", user.Name).Trim(), script.ReadLine(TimeSpan.FromSeconds(30)));

        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        Assert.Throws<OperationCanceledException>(() => host.Run("sleep", ["62.5"], stop.Token));
        Assert.True(SpinWait.SpinUntil(() => LabScript.TryRunProgram("pgrep", "-fx", "sleep 62.5").ExitCode == 1, 5_000), "It still runs.");
    }

    [Fact]
    public void Sudo_s_refusal_says_what_to_allow()
    {
        using var user = new HostAccount(hasSudo: false);
        var host = server.Host(user.Name);
        foreach (var refused in new Action[]
        {
            () => host.Stat("/"), () => host.RunAsRoot("id", [], Token), () => host.TryLock("x"), () => host.CreateFile(NewFile, "x"u8, null), () =>
                host.ReadAhead([folder]),
        })
        {
            var error = Assert.Throws<VirtSnapshotException>(refused);
            Assert.Equal((FailureKind.PermissionDenied, "SudoRefused"), (error.Kind, error.ErrorId));
            Assert.Contains($"{user.Name} ALL=(root) NOPASSWD: ALL", error.Message, StringComparison.Ordinal);
        }

        // Once it is allowed, it works.
        File.WriteAllText($"/etc/sudoers.d/{user.Name}", $"{user.Name} ALL=(root) NOPASSWD: ALL\n");
        Assert.NotNull(host.Stat("/"));

        // And when it is taken back, what is started from then on does not.
        File.Delete($"/etc/sudoers.d/{user.Name}");
        Assert.Equal("SudoRefused", Assert.Throws<VirtSnapshotException>(() => host.TryLock("x")).ErrorId);
    }

    [Fact]
    public void A_user_s_own_hypervisor_needs_no_root()
    {
        using var user = new HostAccount(hasSudo: false);
        var host = server.Host(user.Name, isSession: true);
        var id = LabScript.RunProgram("id", "-u", user.Name);
        Assert.Equal(id, host.Run("id", ["-u"], Token).Output);
        using var hold = host.TryLock("mine");
        Assert.NotNull(hold);
        Assert.Null(host.TryLock("mine"));
        Assert.Throws<UnauthorizedAccessException>(() => host.CreateFile("/etc/vs-not", "x"u8, null));
        Assert.False(host.CanWriteTo("/etc"));
        host.CreateFile($"/tmp/{user.Name}/mine", "x"u8, null);
        Assert.Equal($"600 {id.Trim()}", LabScript.RunProgram("stat", "-c", "%a %u", $"/tmp/{user.Name}/mine").Trim());
    }

    [Fact]
    public void More_at_once_than_one_connection_takes_still_works()
    {
        var host = Host;
        var scripts = Enumerable.Range(0, 14).Select(i => host.StartScript("echo \"$1\"; read -r x", ["name", $"{i}"])).ToList();
        Assert.All(scripts.Select((script, i) => (script, i)), each => Assert.Equal($"{each.i}", each.script.ReadLine(TimeSpan.FromSeconds(60))));
        Assert.Equal("out\n", host.Run("echo", ["out"], Token).Output);
        scripts.ForEach(script => script.Dispose());
    }

    private static void AssertArgumentsSurvive(SshHost host)
    {
        foreach (var way in new[] { Token, CancellationToken.None })
        {
            var result = host.Run("printf", ["%s\\0", .. Hostile], way);
            Assert.Equal(Hostile, result.Output.Split('\0')[..^1]);
            Assert.Equal("", result.Errors);
            Assert.Equal(1, host.Run("test", ["-n", ""], way).ExitCode);
        }

        var longest = new string('x', 100_000);
        Assert.Equal(longest, host.Run("printf", ["%s", longest], Token).Output);
    }

    /// <summary>The ssh processes that we have started.</summary>
    private static string[] Clients() =>
        LabScript.TryRunProgram("pgrep", "-x", "ssh", "-P", $"{Environment.ProcessId}").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static IDisposable TakeSoon(LocalHost local, string name)
    {
        IDisposable? taken = null;
        Assert.True(SpinWait.SpinUntil(() => (taken = local.TryLock(name)) is not null, 20_000));
        return taken!;
    }

    /// <summary>A change that is under way when the connection is cut is not repeated, and fails; a question is.</summary>
    private void CutAndNotice(SshHost host)
    {
        server.CutAll();
        Assert.NotNull(host.Stat(folder));
    }

    private void AssertUnreachable(string script, string words)
    {
        var error = Assert.Throws<VirtSnapshotException>(() => server.Host(command: server.AnotherCommand(script)).Stat("/"));
        Assert.Equal((FailureKind.ConnectionError, "HostUnreachable"), (error.Kind, error.ErrorId));
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
    }

    private void Create() => Create(Host);

    private void Create(SshHost host) => host.CreateFile(NewFile, Encoding.ASCII.GetBytes("x"), null);
}
