namespace VirtSnapshot.Libvirt;

/// <summary>Which of a domain's definitions a change goes to (<c>virDomainModificationImpact</c>).</summary>
[Flags]
internal enum Definition
{
    /// <summary>The running one.</summary>
    Live = 1,

    /// <summary>The stored one.</summary>
    Stored = 2,
}
