using System.Xml.Linq;
using VirtSnapshot.Libvirt;

namespace VirtSnapshot.Domains;

/// <summary>A libvirt virtual machine, with its state when it was read.</summary>
public sealed class VmDomain
{
    private const string AgentChannel = "org.qemu.guest_agent.0";

    // Parsed on demand: a list of thousands of domains must not parse XML that is not used.
    private readonly Lazy<XElement> root;
    private readonly Lazy<IReadOnlyList<VmDisk>> disks;
    private readonly Dictionary<(string Target, string Method), VmDisk?> disksByMethod = [];
    private readonly Func<string, string, string?> volumePath;

    internal VmDomain(string xml, Func<string, string, string?> volumePath)
    {
        Xml = xml;
        this.volumePath = volumePath;
        root = new Lazy<XElement>(() => SafeXml.Parse(Xml));
        disks = new Lazy<IReadOnlyList<VmDisk>>(() => ReadDisks(Root, FindMethod));
    }

    /// <summary>The domain's name.</summary>
    public string Name { get; internal init; } = "";

    /// <summary>The domain's UUID.</summary>
    public Guid Uuid { get; internal init; }

    /// <summary>The id of an active domain; null if it is shut off.</summary>
    public int? Id { get; internal init; }

    /// <summary>Its state when it was read.</summary>
    public DomainState State { get; internal init; }

    /// <summary>Why it is paused; null if it is not.</summary>
    public PauseReason? PauseReason { get; internal init; }

    /// <summary>The libvirt URI of the domain.</summary>
    public string Uri { get; internal init; } = "";

    /// <summary>Whether libvirt keeps its definition when it stops.</summary>
    public bool IsPersistent { get; internal init; }

    /// <summary>The definition: the live one if the domain is active.</summary>
    public string Xml { get; }

    /// <summary>All its disks, CD drives and floppies included.</summary>
    /// <exception cref="VirtSnapshotException"><c>CatalogDamaged</c>: the method that is configured for one of them cannot be parsed.</exception>
    public IReadOnlyList<VmDisk> Disks => disks.Value;

    /// <summary>
    /// As <see cref="Disks"/>, but without their configured methods. It is used for other domains, whose damaged records must not cause an error.
    /// </summary>
    internal IReadOnlyList<VmDisk> PlainDisks => ReadDisks(root.IsValueCreated ? Root : SafeXml.ParseWithoutMetadata(Xml), static _ => null);

    /// <summary>The state of the guest agent's channel in libvirt.</summary>
    public GuestAgentState GuestAgent => (Root.Element("devices")?.Elements("channel") ?? [])
        .Select(channel => channel.Element("target"))
        .FirstOrDefault(target => (string?)target?.Attribute("name") == AgentChannel) switch
    {
        null => GuestAgentState.None,
        var channel when (string?)channel.Attribute("state") == "connected" => GuestAgentState.Connected,
        _ => GuestAgentState.Disconnected,
    };

    /// <summary>
    /// Whether it has a QEMU (or other hypervisor) process: running, paused, or crashed and preserved. It is read from the XML, so that both are of one
    /// moment.
    /// </summary>
    internal bool IsActive => Root.Attribute("id") is not null;

    /// <summary>Whether its vCPUs are paused, so that the guest agent cannot respond.</summary>
    internal bool IsPaused => State is DomainState.Paused or DomainState.Suspended;

    internal XElement Root => root.Value;

    /// <inheritdoc/>
    public override string ToString() => Name;

    internal VmDisk? FindDisk(string target) => Disks.FirstOrDefault(disk => disk.Target == target);

    /// <summary>As <see cref="VmDisk.ShowingMethod"/>: one object for all snapshots of the disk.</summary>
    internal VmDisk? FindDiskShowing(string target, string method)
    {
        lock (disksByMethod)
        {
            if (!disksByMethod.TryGetValue((target, method), out var disk))
            {
                disksByMethod.Add((target, method), disk = FindDisk(target)?.ShowingMethod(method));
            }

            return disk;
        }
    }

    private List<VmDisk> ReadDisks(XElement definition, Func<string, DiskSnapshotMethod?> methodOf) =>
    [
        .. (definition.Element("devices")?.Elements("disk") ?? [])
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
                $"The method configured for disk '{target}' in the metadata of domain '{Name}' cannot be parsed: {e.Message} Nothing was touched. "
                + $"Show it with 'virsh metadata {Name} {uri}', and remove it with 'virsh metadata {Name} {uri} --remove --config' (with --live while the "
                + "domain is running).",
                e);
        }
    }
}

/// <summary>The state of a domain's guest agent channel.</summary>
public enum GuestAgentState
{
    /// <summary>The domain has no channel for a guest agent.</summary>
    None,

    /// <summary>There is a channel, but no process in the guest has opened it.</summary>
    Disconnected,

    /// <summary>A process in the guest has opened the channel. It need not respond.</summary>
    Connected,
}

/// <summary>Some disks of a domain.</summary>
public sealed record DomainDisks(VmDomain Domain, IReadOnlyList<VmDisk> Disks)
{
    /// <summary>The domain.</summary>
    public VmDomain Domain { get; } = Domain;

    /// <summary>The disks.</summary>
    public IReadOnlyList<VmDisk> Disks { get; } = Disks;
}
