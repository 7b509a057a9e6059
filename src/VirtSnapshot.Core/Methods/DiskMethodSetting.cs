namespace VirtSnapshot.Methods;

/// <summary>Which method a disk's snapshots use, and why.</summary>
/// <param name="Domain">The domain's name.</param>
/// <param name="Disk">The disk's target.</param>
/// <param name="Method">The method; null where none can snapshot the disk.</param>
/// <param name="IsDefault">Whether nobody has configured it.</param>
/// <param name="Reason">Why it is this one, or why there is none.</param>
/// <param name="Xml">The <c>&lt;diskSnapshot&gt;</c> element.</param>
/// <param name="Uri">The libvirt URI.</param>
public sealed record DiskMethodSetting(
    string Domain, string Disk, string? Method, bool IsDefault, string Reason, string? Xml, string Uri);
