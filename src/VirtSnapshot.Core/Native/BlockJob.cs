namespace VirtSnapshot.Native;

/// <summary>A block job that is running on a disk. <c>Current == End</c> alone does not mean that it is ready.</summary>
/// <param name="Type">What it does.</param>
/// <param name="Current">How far it is, in the job's own units (bytes for commits).</param>
/// <param name="End">Where it would be done, in the same units; may grow while the guest writes.</param>
internal sealed record BlockJob(BlockJobType Type, ulong Current, ulong End);
