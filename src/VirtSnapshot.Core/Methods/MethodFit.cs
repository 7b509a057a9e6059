namespace VirtSnapshot.Methods;

/// <summary>Whether a method can snapshot a disk, and why.</summary>
/// <param name="CanServe">Whether it can.</param>
/// <param name="IsDefault">Whether it is what this kind of disk gets when nobody says otherwise.</param>
/// <param name="Reason">Why, as the end of a sentence about the disk.</param>
internal sealed record MethodFit(bool CanServe, bool IsDefault, string Reason);
