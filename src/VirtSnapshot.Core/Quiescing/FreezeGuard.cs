using System.Globalization;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;

namespace VirtSnapshot.Quiescing;

/// <summary>
/// The process beside ours that thaws the guest if we die, are too slow, or get no answer. It is started early, so that
/// it can try its access while the run prepares; it also sets the bound on the agent's answers.
/// </summary>
internal sealed class FreezeGuard : IDisposable
{
    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(30);
    private static readonly string Script = ReadScript();

    private readonly IHostScript script;
    private readonly VmDomain domain;

    private FreezeGuard(IHostScript script, VmDomain domain)
    {
        this.script = script;
        this.domain = domain;
    }

    public int ProcessId => script.ProcessId;

    /// <param name="host">Where the hypervisor runs.</param>
    /// <param name="domain">The domain to watch over.</param>
    /// <param name="deadline">How long a freeze may last, from the moment it is announced. Whole seconds count.</param>
    public static FreezeGuard Start(IHost host, VmDomain domain, TimeSpan deadline) => new(
        host.StartScript(
            Script,
            ["virtsnapshot-freeze-guard", domain.Uri, domain.Uuid.ToString("D"), WholeSeconds(deadline).ToString(CultureInfo.InvariantCulture)]),
        domain);

    public static int WholeSeconds(TimeSpan time) => Math.Max(1, (int)Math.Ceiling(time.TotalSeconds));

    /// <exception cref="VirtSnapshotException"><c>FreezeGuardUnavailable</c>: nothing may be frozen.</exception>
    public void WaitUntilReady()
    {
        var answer = script.Listen(StartTime);
        if (answer != "ready")
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceUnavailable,
                "FreezeGuardUnavailable",
                domain,
                $"The guard that would thaw domain '{domain.Name}' if this process died cannot work: "
                + $"{answer ?? "it did not start"}. Nothing was frozen. It needs virsh (Debian: libvirt-clients) on the hypervisor's host, "
                + "and must be able to reach the same URI without asking for a password.");
        }
    }

    /// <summary>From here on the guard thaws unless it is dismissed.</summary>
    public void AnnounceFreeze() => script.Tell("freezing");

    /// <summary>The thaw is confirmed, or it is certain that nothing was frozen by us.</summary>
    public void Dismiss()
    {
        try
        {
            script.Tell("thawed");
        }
        catch (IOException)
        {
            // Its deadline had passed and it has thawed by itself; the count of thawed file systems tells.
        }
    }

    /// <summary>Lets go of it: if it was not dismissed, it sets to work now.</summary>
    public void Dispose() => script.Dispose();

    private static string ReadScript()
    {
        using var stream = typeof(FreezeGuard).Assembly.GetManifestResourceStream("freeze-guard.sh")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
