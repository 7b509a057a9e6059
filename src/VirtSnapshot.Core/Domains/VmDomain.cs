using System.Xml.Linq;
using VirtSnapshot.Libvirt;

namespace VirtSnapshot.Domains;

/// <summary>A libvirt virtual machine, as it was when it was read.</summary>
public sealed class VmDomain
{
    private const string AgentChannel = "org.qemu.guest_agent.0";

    // Listing thousands of domains must not pay for XML that nobody looks at.
    private readonly Lazy<XElement> root;
    private readonly Lazy<IReadOnlyList<VmDisk>> disks;
    private readonly Func<string, string, string?> volumePath;

    internal VmDomain(string xml, Func<string, string, string?> volumePath)
    {
        Xml = xml;
        this.volumePath = volumePath;
        root = new Lazy<XElement>(() => SafeXml.Parse(Xml));
        disks = new Lazy<IReadOnlyList<VmDisk>>(() => ReadDisks(FindMethod));
    }

    /// <summary>The domain's name.</summary>
    public string Name { get; internal init; } = "";

    /// <summary>The domain's UUID.</summary>
    public Guid Uuid { get; internal init; }

    /// <summary>The number of a running domain; null when it is shut off.</summary>
    public int? Id { get; internal init; }

    /// <summary>What it was doing when it was read.</summary>
    public DomainState State { get; internal init; }

    /// <summary>Why it is paused; null where it is not.</summary>
    public PauseReason? PauseReason { get; internal init; }

    /// <summary>The libvirt URI that it was found under.</summary>
    public string Uri { get; internal init; } = "";

    /// <summary>Whether libvirt keeps its definition when it stops.</summary>
    public bool IsPersistent { get; internal init; }

    /// <summary>The definition: the running one where it runs.</summary>
    public string Xml { get; }

    /// <summary>All its disks, CD drives and floppies included.</summary>
    /// <exception cref="VirtSnapshotException"><c>CatalogDamaged</c>: the method that is configured for one of them cannot be read.</exception>
    public IReadOnlyList<VmDisk> Disks => disks.Value;

    /// <summary>
    /// As <see cref="Disks"/>, but without the methods that are configured for them: those of other domains must not matter, and may be damaged.
    /// </summary>
    internal IReadOnlyList<VmDisk> PlainDisks => ReadDisks(static _ => null);

    /// <summary>The guest agent, as libvirt sees its channel.</summary>
    public GuestAgentState GuestAgent => (Root.Element("devices")?.Elements("channel") ?? [])
        .Select(channel => channel.Element("target"))
        .FirstOrDefault(target => (string?)target?.Attribute("name") == AgentChannel) switch
    {
        null => GuestAgentState.None,
        var channel when (string?)channel.Attribute("state") == "connected" => GuestAgentState.Connected,
        _ => GuestAgentState.Disconnected,
    };

    /// <summary>Whether it has a running QEMU (or other hypervisor) process: paused counts, and so does a crashed one that is kept. Said by the XML itself, so that both are of one moment.</summary>
    internal bool IsActive => Root.Attribute("id") is not null;

    /// <summary>Whether its vCPUs stand still, so that no guest agent can answer.</summary>
    internal bool IsPaused => State is DomainState.Paused or DomainState.Suspended;

    internal XElement Root => root.Value;

    /// <inheritdoc/>
    public override string ToString() => Name;

    internal VmDisk? FindDisk(string target) => Disks.FirstOrDefault(disk => disk.Target == target);

    private List<VmDisk> ReadDisks(Func<string, DiskSnapshotMethod?> methodOf) =>
    [
        .. (Root.Element("devices")?.Elements("disk") ?? [])
            .Select(disk => VmDisk.Read(disk, this, methodOf((string?)disk.Element("target")?.Attribute("dev") ?? ""), volumePath)),
    ];

    private DiskSnapshotMethod? FindMethod(string target)
    {
        try
        {
            return DiskSnapshotMethod.FindIn(Root, target);
        }
        catch (VirtSnapshotException e)
        {
            var uri = MetadataUri.Method(target);
            throw new VirtSnapshotException(
                FailureKind.InvalidData,
                "CatalogDamaged",
                this,
                $"The method that is configured for disk '{target}' in the metadata of domain '{Name}' cannot be read: {e.Message} Nothing was touched. "
                + $"Look at it with 'virsh metadata {Name} {uri}', and take it out with 'virsh metadata {Name} {uri} --remove --config' (with --live while the "
                + "domain runs).",
                e);
        }
    }
}

/// <summary>What libvirt knows of the domain's guest agent.</summary>
public enum GuestAgentState
{
    /// <summary>The domain has no channel for one.</summary>
    None,

    /// <summary>There is a channel, and nobody in the guest has it open.</summary>
    Disconnected,

    /// <summary>Something in the guest has the channel open. Whether it answers is another matter.</summary>
    Connected,
}

/// <summary>Some disks of a domain.</summary>
public sealed record DomainDisks(VmDomain Domain, IReadOnlyList<VmDisk> Disks)
{
    /// <summary>The domain.</summary>
    public VmDomain Domain { get; } = Domain;

    /// <summary>Disks of it.</summary>
    public IReadOnlyList<VmDisk> Disks { get; } = Disks;
}
