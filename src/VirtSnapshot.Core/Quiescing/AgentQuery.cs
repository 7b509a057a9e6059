using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Quiescing;

/// <summary>What the guest agent is asked before and after a freeze.</summary>
internal sealed class AgentQuery(LibvirtDomain native, VmDomain domain, QuiesceOptions options)
{
    // A healthy agent replies in milliseconds, so commands other than the freeze get only a part of the freeze timeout. A much longer timeout than
    // the default of 30 s means that the guest is slow.
    private const int MinReplySeconds = 5;
    private const int MaxReplySeconds = 60;
    private const int ReplyPart = 6;

    private int ReplySeconds => Math.Min(
        FreezeGuard.WholeSeconds(options.FreezeTimeout),
        Math.Clamp(FreezeGuard.WholeSeconds(options.FreezeTimeout / ReplyPart), MinReplySeconds, MaxReplySeconds));

    /// <summary>Whether the agent reports that the guest is frozen.</summary>
    public static bool IsFrozen(LibvirtDomain native, VmDomain domain) =>
        domain is { IsActive: true, IsPaused: false } && domain.GuestAgent != GuestAgentState.None && Status(native, MinReplySeconds) == "frozen";

    /// <summary>Thaws a guest that a run has left frozen. The caller must know that this module froze it.</summary>
    /// <returns>Whether it was frozen.</returns>
    /// <exception cref="LibvirtException">It is frozen, and the thaw failed.</exception>
    public static bool ThawIfFrozen(LibvirtDomain native, VmDomain domain)
    {
        if (!IsFrozen(native, domain))
        {
            return false;
        }

        native.SetAgentTimeout(MinReplySeconds);
        try
        {
            native.Thaw();
        }
        finally
        {
            native.SetAgentTimeout(LibvirtDomain.AgentTimeoutBlock);
        }

        return true;
    }

    /// <summary>Checks that the agent replies, and reads the mount points where some were given.</summary>
    /// <returns>The guest's file systems and the disks under them; none where no mount points were given.</returns>
    /// <exception cref="QuiesceUnavailableException">The agent does not reply.</exception>
    /// <exception cref="VirtSnapshotException"><c>GuestAlreadyFrozen</c>, <c>MountPointNotFound</c></exception>
    public IReadOnlyList<GuestFileSystem> Probe(CancellationToken cancellation)
    {
        IReadOnlyList<GuestFileSystem> systems = [];
        native.SetAgentTimeout(ReplySeconds);
        try
        {
            if (options.MountPoints.Count == 0)
            {
                InterruptibleCall.Run(
                    () =>
                    {
                        native.PingAgent();
                        return true;
                    },
                    cancellation);
                return systems;
            }

            systems = InterruptibleCall.Run(native.FileSystems, cancellation);
        }
        catch (LibvirtException e)
        {
            if (e.IsUnanswered)
            {
                throw QuiesceUnavailableException.AgentUnavailable(e.Message.TrimEnd('.'), e);
            }

            // The agent of a frozen guest rejects most commands, but not the freeze status.
            if (Status() == "frozen")
            {
                throw AlreadyFrozen(e);
            }

            if (options.MountPoints.Count > 0)
            {
                throw QuiesceUnavailableException.AgentUnavailable($"the agent does not report the guest's mount points ({e.Message})", e);
            }
        }

        var missing = options.MountPoints.Except(systems.Select(system => system.MountPoint), StringComparer.Ordinal).ToList();
        if (missing.Count > 0)
        {
            throw new VirtSnapshotException(
                FailureKind.ObjectNotFound,
                "MountPointNotFound",
                domain,
                $"The guest of domain '{domain.Name}' has no mount point '{string.Join("', '", missing)}'. Its mount points are: "
                + $"{string.Join(", ", systems.Select(system => system.MountPoint).Order(StringComparer.Ordinal))}. Nothing was touched.");
        }

        return systems;
    }

    public string? Status() => Status(native, ReplySeconds);

    public VirtSnapshotException AlreadyFrozen(Exception inner) => new(
        FailureKind.ResourceBusy,
        "GuestAlreadyFrozen",
        domain,
        $"The guest of domain '{domain.Name}' is already frozen by another client. It was left frozen, and nothing was touched. "
        + "Wait until the other client thaws it, or thaw it with 'virsh domfsthaw' if that client has died.",
        inner);

    /// <summary>The freeze status. A raw agent command taints the domain, so it is used only after an error.</summary>
    private static string? Status(LibvirtDomain native, int seconds)
    {
        try
        {
            using var reply = JsonText.Parse(native.AgentCommand("""{"execute":"guest-fsfreeze-status"}""", seconds));
            return JsonText.Text(reply.RootElement, "return");
        }
        catch (Exception e) when (e is LibvirtException or FormatException)
        {
            return null;
        }
    }
}
