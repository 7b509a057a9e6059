using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;

namespace VirtSnapshot.Snapshots;

/// <summary>What the user is told of a guest that does not run: nothing here lets it go on, since only the user knows whether it may.</summary>
internal static class PausedGuest
{
    /// <summary>The warning about a guest that QEMU has paused since a disk could not be written; null where there is none.</summary>
    public static string? FindWarning(VmDomain domain) => domain.PauseReason == PauseReason.IOError
        ? $"The guest of domain '{domain.Name}' is paused by an I/O error, as when the file system of an overlay is full. "
            + $"Free space there, or remove snapshots, and then let the guest go on with 'virsh resume {domain.Name}'."
        : null;

    /// <summary>The same after snapshots were removed.</summary>
    public static string? FindWarningAfterRemoval(VmDomain domain) => domain.PauseReason == PauseReason.IOError
        ? $"The guest of domain '{domain.Name}' is still paused by an I/O error. "
            + $"If there is space for its images now, it goes on with 'virsh resume {domain.Name}'."
        : null;

    /// <summary>
    /// The warning about a guest that is paused where a run has died that may have paused it. Somebody else may have done so as well, before or after, so it is
    /// not resumed.
    /// </summary>
    public static string? FindWarningAfterDeath(VmDomain domain) => domain.PauseReason is PauseReason.User or PauseReason.Unknown
        ? $"Domain '{domain.Name}' is paused, perhaps by the run that has died. If nobody else has paused it, it goes on with 'virsh resume {domain.Name}'."
        : null;
}
