using System.Diagnostics.CodeAnalysis;

namespace VirtSnapshot.Storage;

/// <summary>The layers under one disk, as they were when they were looked at.</summary>
[SuppressMessage("Naming", "CA1711:Identifiers should not have incorrect suffix", Justification = "The storage stack is the field's own term.")]
public sealed record StorageStack
{
    /// <summary>The domain's name.</summary>
    public required string Domain { get; init; }

    /// <summary>The disk's target.</summary>
    public required string Disk { get; init; }

    /// <summary>The libvirt URI of the domain.</summary>
    public required string Uri { get; init; }

    /// <summary>
    /// From the guest's disk down; a layer that stands on several devices (an array, say) is followed by all of them, each
    /// with what it stands on.
    /// </summary>
    public required IReadOnlyList<StorageLayer> Layers { get; init; }

    /// <summary>The layers as a tree, a line each.</summary>
    public string Tree => string.Join('\n', Layers.Select((layer, depth) => depth == 0 ? $"{layer}" : $"{new string(' ', (3 * depth) - 3)}└─ {layer}"));

    /// <inheritdoc/>
    public override string ToString() => string.Join(" on ", Layers);

    internal T? Find<T>()
        where T : StorageLayer => Layers.OfType<T>().FirstOrDefault();
}
