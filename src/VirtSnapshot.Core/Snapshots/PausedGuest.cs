using VirtSnapshot.Domains;
using VirtSnapshot.Libvirt;

namespace VirtSnapshot.Snapshots;

/// <summary>Warnings about paused guests. VirtSnapshot never resumes them: only the user knows whether that is safe.</summary>
internal static class PausedGuest
{
    /// <summary>The warning about a guest that QEMU has paused after a write error; null where there is none.</summary>
    public static string? FindWarning(VmDomain domain) => domain.PauseReason == PauseReason.IOError
        ? $"The guest of domain '{domain.Name}' is paused by an I/O error, as when the file system of an overlay is full. "
            + $"Free space there, or remove snapshots, then resume the guest with 'virsh resume {domain.Name}'."
        : null;

    /// <summary>The same after snapshots were removed.</summary>
    public static string? FindWarningAfterRemoval(VmDomain domain) => domain.PauseReason == PauseReason.IOError
        ? $"The guest of domain '{domain.Name}' is still paused by an I/O error. "
            + $"If there is space for its images now, resume it with 'virsh resume {domain.Name}'."
        : null;

    /// <summary>
    /// The warning about a paused guest after a crash of a run that may have paused it. It may also have been paused by others, before or after, so it is
    /// not resumed.
    /// </summary>
    public static string? FindWarningAfterDeath(VmDomain domain) => domain.PauseReason is PauseReason.User or PauseReason.Unknown
        ? $"Domain '{domain.Name}' is paused, perhaps by the run that has died. Unless it was paused for another reason, resume it with 'virsh resume "
            + $"{domain.Name}'."
        : null;
}
