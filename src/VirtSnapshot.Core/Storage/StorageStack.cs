using System.Diagnostics.CodeAnalysis;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;

namespace VirtSnapshot.Storage;

/// <summary>The layers under one disk, as they were when they were looked at.</summary>
[SuppressMessage("Naming", "CA1711:Identifiers should not have incorrect suffix", Justification = "The storage stack is the field's own term.")]
public sealed record StorageStack
{
    /// <summary>The domain's name.</summary>
    public string Domain { get; internal init; } = "";

    /// <summary>The disk's target.</summary>
    public string Disk { get; internal init; } = "";

    /// <summary>The libvirt URI of the domain.</summary>
    public string Uri { get; internal init; } = "";

    /// <summary>
    /// From the guest's disk down; a layer that stands on several devices (an array, say) is followed by all of them, each
    /// with what it stands on.
    /// </summary>
    public IReadOnlyList<StorageLayer> Layers { get; internal init; } = [];

    /// <summary>
    /// The layers as a tree, a line each: what a layer stands on is below it, further in.
    /// </summary>
    public string Tree => string.Join('\n', Layers.Select((layer, index) => Branch(index) + layer));

    /// <summary>Looks at what lies under disks.</summary>
    /// <param name="disks">Disks of one host's domains: the host is looked at once for all of them.</param>
    /// <exception cref="VirtSnapshotException"><c>StorageUnreadable</c>, <c>SudoRefused</c>, <c>RemoteHostNotSupported</c>: the host cannot be reached or looked at.</exception>
    public static IReadOnlyList<StorageStack> Of(IReadOnlyList<DomainDisks> disks)
    {
        ArgumentNullException.ThrowIfNull(disks);
        IReadOnlyList<VmDisk> all = [.. disks.SelectMany(domain => domain.Disks)];
        var probe = new StorageProbe(() => HostFinder.For(disks[0].Domain.Uri, disks[0].Domain), all);
        return [.. all.Select(probe.StackOf)];
    }

    /// <summary>How far down each layer is; without it each stands on the one before.</summary>
    internal IReadOnlyList<int> Depths { get; init; } = [];

    /// <summary>The disk's image or device, where there is none at its path; null where it is there.</summary>
    internal string? MissingSource { get; init; }

    /// <summary>Why LVM tells nothing about volumes that are there; null where it does, or where there are none.</summary>
    internal string? LvmError { get; init; }

    /// <inheritdoc/>
    public override string ToString() => string.Join(" on ", Layers);

    internal T? Find<T>()
        where T : StorageLayer => Layers.OfType<T>().FirstOrDefault();

    private string Branch(int index) => string.Concat(Enumerable.Range(1, DepthOf(index)).Select(depth => (depth == DepthOf(index), HasNext(index, depth)) switch
    {
        (true, true) => "├─ ",
        (true, false) => "└─ ",
        (false, true) => "│  ",
        (false, false) => "   ",
    }));

    /// <summary>Whether another layer follows at that depth, before the tree comes back to one above.</summary>
    private bool HasNext(int index, int depth) =>
        Enumerable.Range(index + 1, Layers.Count - index - 1).Select(DepthOf).FirstOrDefault(other => other <= depth) == depth;

    private int DepthOf(int index) => index < Depths.Count ? Depths[index] : index;
}
