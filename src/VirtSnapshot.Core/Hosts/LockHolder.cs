namespace VirtSnapshot.Hosts;

/// <summary>The process on another host that holds a lock of ours.</summary>
/// <param name="ProcessId">The process.</param>
/// <param name="Name">What it alone has among its arguments.</param>
internal readonly record struct LockHolder(int ProcessId, string Name);
