using System.Collections.Concurrent;
using VirtSnapshot.Native;
using VirtSnapshot.Tests.Lab;
using Xunit;

[assembly: AssemblyFixture(typeof(LabFixture))]
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace VirtSnapshot.Tests.Lab;

/// <summary>
/// One private libvirtd for the whole run, with the guests that tests ask for: each is booted once, by its name. Nothing of the
/// administrator's own libvirt is touched. Where it cannot start, the tests that need it fail.
/// </summary>
public sealed class LabFixture : IDisposable
{
    private readonly ConcurrentDictionary<string, Lazy<TestGuest>> guests = new();
    private readonly HashSet<string> awake = [];
    private readonly HashSet<string> asleep = [];
    private readonly Lazy<string> uri;
    private readonly Lazy<DirectVirsh> direct;
    private string? user;

    public LabFixture()
    {
        Folder = Directory.CreateTempSubdirectory("vs-lab-").FullName;
        uri = new Lazy<string>(() => LabScript.Run("libvirtd.sh", "start", Folder, $"{Environment.ProcessId}").Trim());
        direct = new Lazy<DirectVirsh>(() => new DirectVirsh(Uri));
    }

    /// <summary>The lab's folder: images are below <c>images</c>.</summary>
    public string Folder { get; }

    /// <summary>For disk images. Starting the lab clears its folder, so it is started before anybody writes there.</summary>
    public string Images => uri.Value.Length > 0 ? Path.Combine(Folder, "images") : "";

    public string Uri => uri.Value;

    /// <summary>What the libvirtd listens on.</summary>
    public string Socket => Uri[(Uri.IndexOf('=', StringComparison.Ordinal) + 1)..];

    /// <summary>
    /// A guest of that name, booted when it is asked for the first time with the given options of <c>domain.sh</c>. Those that the running class has not asked
    /// for are suspended: each that writes records takes a fifth of a processor.
    /// </summary>
    public TestGuest Guest(string name, params string[] options)
    {
        if (TestContext.Current.TestClass?.UniqueID is { } now && now != user)
        {
            user = now;
            foreach (var other in awake.Except(asleep).ToList())
            {
                if (TryVirsh("suspend", other))
                {
                    asleep.Add(other);
                }
            }

            awake.Clear();
        }

        var guest = guests.GetOrAdd(name, name => new Lazy<TestGuest>(() =>
        {
            LabScript.Run("domain.sh", [Uri, name, Folder, .. options]);
            return new TestGuest(this, name);
        })).Value;
        awake.Add(name);
        if (asleep.Remove(name))
        {
            TryVirsh("resume", name);
        }

        return guest;
    }

    /// <summary>A guest that a test may ruin: destroyed, undefined and forgotten with its images when disposed of.</summary>
    public TestGuest Throwaway(string name, params string[] options)
    {
        LabScript.Run("domain.sh", [Uri, name, Folder, .. options]);
        return new TestGuest(this, name);
    }

    /// <summary>As <see cref="Throwaway"/>, with its disks below <c>images</c> in a folder of its own, which lies below the lab's.</summary>
    public TestGuest ThrowawayIn(string folder, string name, params string[] options)
    {
        LabScript.Run("domain.sh", [Uri, name, folder, .. options]);
        return new TestGuest(this, name, folder);
    }

    /// <summary>An empty qcow2 image, to be copied.</summary>
    public string BlankQcow2(string size)
    {
        var image = Path.Combine(Folder, $"blank-{size}.qcow2");
        if (!File.Exists(image))
        {
            LabScript.RunProgram("qemu-img", "create", "-q", "-f", "qcow2", image, size);
        }

        return image;
    }

    /// <summary>Ends libvirtd and starts it again; guests go on.</summary>
    public void RestartDaemon(bool kill = false) =>
        LabScript.Run("libvirtd.sh", kill ? ["restart", Folder, "KILL"] : ["restart", Folder]);

    public void KillDaemon() => LabScript.Run("libvirtd.sh", "kill", Folder);

    /// <summary>Runs a command of virsh.</summary>
    /// <returns>What it says; nothing where <see cref="DirectVirsh"/> did it.</returns>
    public string Virsh(params string[] arguments) =>
        direct.Value.TryRun(arguments) ? "" : LabScript.RunProgram("virsh", ["-q", "-c", Uri, .. arguments]);

    /// <summary>Tells a guest's agent a command.</summary>
    /// <returns>Its answer, as JSON.</returns>
    /// <exception cref="LibvirtException">It refused, or no answer came in time.</exception>
    public string AskAgent(string name, string command, int timeoutSeconds = 60) => direct.Value.AskAgent(name, command, timeoutSeconds);

    /// <summary>Runs a command of virsh that may fail.</summary>
    /// <returns>Whether it worked.</returns>
    public bool TryVirsh(params string[] arguments)
    {
        try
        {
            Virsh(arguments);
            return true;
        }
        catch (Exception error) when (error is LibvirtException or InvalidOperationException)
        {
            return false;
        }
    }

    public void Dispose()
    {
        if (direct.IsValueCreated)
        {
            direct.Value.Dispose();
        }

        if (uri.IsValueCreated)
        {
            LabScript.Run("libvirtd.sh", "stop", Folder);
        }

        Directory.Delete(Folder, recursive: true);
    }
}
