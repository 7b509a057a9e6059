using System.Xml.Linq;

namespace VirtSnapshot.Domains;

/// <summary>Selects disks: by a target with wildcards, a source path, or a <c>&lt;disk&gt;</c> element as in the RFC.</summary>
public sealed class DiskSelector
{
    private readonly string text;
    private readonly XElement? element;
    private readonly Wildcard? wildcard;

    private DiskSelector(string text, XElement? element, Wildcard? wildcard)
    {
        this.text = text;
        this.element = element;
        this.wildcard = wildcard;
    }

    /// <summary>The method inside a given <c>&lt;disk&gt;</c> element.</summary>
    internal DiskSnapshotMethod? Method => element is null ? null : DiskSnapshotMethod.FindInDisk(element);

    /// <summary>Whether it may match no disk.</summary>
    internal bool IsPattern => wildcard is not null;

    /// <summary>Whether the disk is one of a list, so that it is no error if it cannot be snapshotted.</summary>
    internal bool IsOneOfMany { get; private init; }

    /// <summary>A disk that is one of a list, and was not named individually.</summary>
    /// <param name="text">The disk, usually its target.</param>
    /// <exception cref="VirtSnapshotException"><c>InvalidXml</c> or <c>InvalidWildcard</c>.</exception>
    public static DiskSelector ForListed(string text)
    {
        var parsed = Parse(text);
        return new DiskSelector(text, parsed.element, parsed.wildcard) { IsOneOfMany = true };
    }

    /// <exception cref="VirtSnapshotException"><c>InvalidXml</c> or <c>InvalidWildcard</c>.</exception>
    public static DiskSelector Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.AsSpan().TrimStart().StartsWith("<", StringComparison.Ordinal))
        {
            var element = SafeXml.ParseUserElement(text, "disk");
            return element.Element("target")?.Attribute("dev") is null
                ? throw new VirtSnapshotException(
                    FailureKind.InvalidArgument,
                    "InvalidXml",
                    text.Length <= 200 ? text : text[..200] + "…",
                    "The <disk> element has no <target dev='…'/>, so it identifies no disk.")
                : new DiskSelector(text, element, null);
        }

        return new DiskSelector(text, null, !text.StartsWith('/') && Wildcard.IsPattern(text) ? Wildcard.Parse(text) : null);
    }

    /// <inheritdoc/>
    public override string ToString() => text;

    /// <summary>The selected disks of a domain.</summary>
    /// <exception cref="VirtSnapshotException">
    /// <c>DiskNotFound</c>: there is no disk of the given name; <c>DiskDiffers</c>: the given element has another source than the disk.
    /// </exception>
    public IReadOnlyList<VmDisk> Match(VmDomain domain)
    {
        ArgumentNullException.ThrowIfNull(domain);
        var found = domain.Disks.Where(Fits).ToList();
        if (found.Count == 0 && !IsPattern)
        {
            var named = element is null ? text : (string)element.Element("target")!.Attribute("dev")!;
            throw new VirtSnapshotException(
                FailureKind.ObjectNotFound,
                "DiskNotFound",
                named,
                $"Domain '{domain.Name}' has no disk '{named}'. "
                + $"Its disks are: {string.Join(", ", domain.Disks.Select(disk => disk.Target))}.");
        }

        found.ForEach(RefuseOtherSource);
        return found;
    }

    /// <summary>The disk may have another source now than when its element was read.</summary>
    private void RefuseOtherSource(VmDisk disk)
    {
        if (element?.Element("source") is null)
        {
            return;
        }

        var given = DiskSource.Read(element, null, (_, _) => disk.Source.Path);
        if (!given.IsSameAs(disk.Source))
        {
            throw new VirtSnapshotException(
                FailureKind.InvalidArgument,
                "DiskDiffers",
                disk,
                $"The <disk> element given for '{disk.Target}' has the source '{given}', but domain '{disk.Domain}' uses '{disk.Source}'. "
                + "Read the disk again with Get-VmDisk.");
        }
    }

    private bool Fits(VmDisk disk)
    {
        if (wildcard is not null)
        {
            return wildcard.Matches(disk.Target);
        }

        return element is not null
            ? disk.Target == (string?)element.Element("target")!.Attribute("dev")
            : disk.Target == text || (disk.Source.Path is { } path && path == text);
    }
}
