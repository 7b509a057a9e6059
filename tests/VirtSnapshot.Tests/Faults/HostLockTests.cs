using System.Diagnostics;
using System.Globalization;
using VirtSnapshot.Hosts;
using VirtSnapshot.Native;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>
/// The lock of a domain, whose file is removed with it: by a process of this machine, and by a script, which holds it for whoever comes over ssh.
/// </summary>
public sealed class HostLockTests(SshServer server) : IDisposable
{
    private readonly LocalHost local = new("test:///default");
    private readonly string name = $"test-{Guid.NewGuid():N}";
    private readonly string folder = Directory.CreateTempSubdirectory("vs-lock-").FullName;

    private string LockFile => $"/run/virtsnapshot/{name}.lock";

    private string Counter => Path.Combine(folder, "counter");

    public void Dispose()
    {
        File.Delete(LockFile);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Its_file_goes_with_it()
    {
        using (local.TryLock(name))
        {
            Assert.True(File.Exists(LockFile));
        }

        Assert.False(File.Exists(LockFile));
        var host = server.Host();
        using (host.TryLock(name))
        {
            Assert.Null(local.TryLock(name));
            Assert.True(File.Exists(LockFile), "A run that was refused has removed the file.");
        }

        Assert.False(File.Exists(LockFile));
    }

    [Fact]
    public async Task Of_many_that_contend_for_it_one_at_a_time_has_it()
    {
        const int holders = 6, each = 150, eachScript = 8;
        File.WriteAllText(Counter, "0");
        var counted = 0;

        // An open file has a lock, not a process: these contend like processes.
        var here = Enumerable.Range(0, holders).Select(_ => Start(() =>
        {
            for (var done = 0; done < each;)
            {
                using var hold = local.TryLock(name);
                if (hold is not null)
                {
                    Count();
                    Interlocked.Increment(ref counted);
                    done++;
                    hold.Dispose();

                    // Else the scripts, which are slower, get it last.
                    Thread.Sleep(Random.Shared.Next(4));
                }
            }
        })).ToList();
        var scripts = Enumerable.Range(0, 2).Select(number => Start(() =>
        {
            for (var done = 0; done < eachScript;)
            {
                using var script = StartScript($"holder{number}");
                if (script.StandardOutput.ReadLine() == "locked")
                {
                    Count();
                    Interlocked.Increment(ref counted);
                    done++;
                }

                script.StandardInput.Close();
                script.WaitForExit();
            }
        })).ToList();
        await Task.WhenAll([.. here, .. scripts]).WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);

        Assert.Equal((holders * each) + (scripts.Count * eachScript), counted);
        Assert.Equal($"{counted}", File.ReadAllText(Counter));
        Assert.False(File.Exists(LockFile));
    }

    [Fact]
    public void A_holder_that_is_killed_leaves_a_file_that_is_taken_over()
    {
        using (var script = StartScript("killed"))
        {
            Assert.Equal("locked", script.StandardOutput.ReadLine());
            Assert.Null(local.TryLock(name));
            script.Kill();
            script.WaitForExit();
        }

        Assert.True(File.Exists(LockFile));
        using (var hold = TakeSoon())
        {
            Assert.NotNull(hold);
        }

        Assert.False(File.Exists(LockFile));
    }

    [Fact]
    public void A_file_that_was_removed_by_hand_and_made_again_is_left_to_its_holder()
    {
        var first = local.TryLock(name);
        File.Delete(LockFile);
        using (var second = local.TryLock(name))
        {
            Assert.NotNull(second);
            first!.Dispose();
            Assert.True(File.Exists(LockFile));
            Assert.Null(local.TryLock(name));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_symbolic_link_in_its_place_is_not_followed(bool isTargetThere)
    {
        var target = Path.Combine(folder, "target");
        if (isTargetThere)
        {
            File.WriteAllText(target, "untouched");
        }

        local.TryLock(name)?.Dispose();
        File.CreateSymbolicLink(LockFile, target);
        Assert.Throws<IOException>(() => local.TryLock(name));
        Assert.Contains("symbolic link", Assert.Throws<IOException>(() => server.Host().TryLock(name)).Message, StringComparison.Ordinal);
        Assert.Equal(target, new FileInfo(LockFile).LinkTarget);
        Assert.Equal(isTargetThere ? "untouched" : null, File.Exists(target) ? File.ReadAllText(target) : null);
        using var link = File.OpenHandle(isTargetThere ? target : "/dev/null");
        Assert.True(FileApi.TryLock(link, target), "The target is locked.");
    }

    private static Task Start(Action action) =>
        Task.Factory.StartNew(action, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Two at once would lose a count: each reads, waits, and writes.</summary>
    private void Count()
    {
        var before = int.Parse(File.ReadAllText(Counter), CultureInfo.InvariantCulture);
        Thread.Yield();
        File.WriteAllText(Counter, $"{before + 1}");
    }

    private Process StartScript(string holder) => Process.Start(
        new ProcessStartInfo("sh", ["-c", HostScriptText.Read("lock.sh"), holder, name, "root", "60", ""]) { RedirectStandardInput = true,
            RedirectStandardOutput = true })!;

    private IDisposable? TakeSoon()
    {
        IDisposable? taken = null;
        SpinWait.SpinUntil(() => (taken = local.TryLock(name)) is not null, 20_000);
        return taken;
    }
}
