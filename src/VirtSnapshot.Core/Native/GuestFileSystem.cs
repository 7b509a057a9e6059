namespace VirtSnapshot.Native;

/// <summary>A mounted file system, as the guest agent reports it.</summary>
/// <param name="MountPoint">Where the guest has it mounted.</param>
/// <param name="Targets">The targets of the disks it lies on.</param>
internal sealed record GuestFileSystem(string MountPoint, IReadOnlyList<string> Targets);
