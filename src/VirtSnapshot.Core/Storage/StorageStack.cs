using System.Diagnostics.CodeAnalysis;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;

namespace VirtSnapshot.Storage;

/// <summary>The storage layers of one disk, at the time of the query.</summary>
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
    /// The layers from the guest's disk down. A layer with several underlying devices (such as an array) is followed by all of them, each
    /// with its own underlying devices.
    /// </summary>
    public IReadOnlyList<StorageLayer> Layers { get; internal init; } = [];

    /// <summary>
    /// The layers as a tree, one per line: underlying layers are below and indented.
    /// </summary>
    public string Tree => string.Join('\n', Layers.Select((layer, index) => Branch(index) + layer));

    /// <summary>Reads the storage stacks of disks.</summary>
    /// <param name="disks">Disks of one host's domains. The host is queried once for all of them.</param>
    /// <exception cref="VirtSnapshotException">
    /// <c>StorageUnreadable</c>, <c>SudoRefused</c>, <c>RemoteHostNotSupported</c>: the host's storage cannot be read.
    /// </exception>
    public static IReadOnlyList<StorageStack> Of(IReadOnlyList<DomainDisks> disks)
    {
        ArgumentNullException.ThrowIfNull(disks);
        IReadOnlyList<VmDisk> all = [.. disks.SelectMany(domain => domain.Disks)];
        var probe = new StorageProbe(() => HostFinder.For(disks[0].Domain.Uri, disks[0].Domain), all);
        return [.. all.Select(probe.StackOf)];
    }

    /// <summary>The depth of each layer; without it, each layer underlies the one before.</summary>
    internal IReadOnlyList<int> Depths { get; init; } = [];

    /// <summary>The path of the disk's image or device if it does not exist; else null.</summary>
    internal string? MissingSource { get; init; }

    /// <summary>Why LVM did not report the volumes of the host; null if it did, or if there are none.</summary>
    internal string? LvmError { get; init; }

    /// <inheritdoc/>
    public override string ToString() => string.Join(" on ", Layers);

    internal T? Find<T>()
        where T : StorageLayer => Layers.OfType<T>().FirstOrDefault();

    private string Branch(int index) => string.Concat(Enumerable.Range(1, DepthOf(index)).Select(depth =>
        (depth == DepthOf(index), HasNext(index, depth)) switch
        {
            (true, true) => "├─ ",
            (true, false) => "└─ ",
            (false, true) => "│  ",
            (false, false) => "   ",
        }));

    /// <summary>Whether another layer follows at that depth before a layer of a lower depth.</summary>
    private bool HasNext(int index, int depth) =>
        Enumerable.Range(index + 1, Layers.Count - index - 1).Select(DepthOf).FirstOrDefault(other => other <= depth) == depth;

    private int DepthOf(int index) => index < Depths.Count ? Depths[index] : index;
}
