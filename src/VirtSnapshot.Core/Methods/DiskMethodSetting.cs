namespace VirtSnapshot.Methods;

/// <summary>Which method a disk's snapshots use, and why.</summary>
public sealed record DiskMethodSetting(
    string Domain, string Disk, string? Method, bool IsDefault, string Reason, string? Xml, string Uri)
{
    /// <summary>The domain's name.</summary>
    public string Domain { get; } = Domain;

    /// <summary>The disk's target.</summary>
    public string Disk { get; } = Disk;

    /// <summary>The method; null where none can snapshot the disk.</summary>
    public string? Method { get; } = Method;

    /// <summary>Whether it is the default, and not configured.</summary>
    public bool IsDefault { get; } = IsDefault;

    /// <summary>Why it is this one, or why there is none.</summary>
    public string Reason { get; } = Reason;

    /// <summary>The <c>&lt;diskSnapshot&gt;</c> element.</summary>
    public string? Xml { get; } = Xml;

    /// <summary>The libvirt URI.</summary>
    public string Uri { get; } = Uri;
}
