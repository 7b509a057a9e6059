using VirtSnapshot.Native;

namespace VirtSnapshot.Libvirt;

/// <summary>libvirt's calls for one domain, without policy. It has one user at a time, like its connection.</summary>
/// <param name="connection">The connection of the domain.</param>
/// <param name="connectionHandle">That connection's handle.</param>
/// <param name="handle">The domain's handle.</param>
/// <param name="rented">The rented connection, if it is returned to the pool with this object.</param>
internal sealed class LibvirtDomain(
    LibvirtConnection connection, ConnectHandle connectionHandle, DomainHandle handle, RentedConnection? rented = null) : IDisposable
{
    /// <summary>libvirt's default: wait for the agent without limit. libvirt has no getter, so a timeout is always reset to this value.</summary>
    public const int AgentTimeoutBlock = -2;

    private const int ShutOffSaved = 5; // VIR_DOMAIN_SHUTOFF_SAVED
    private const uint XmlInactive = 2;
    private const uint BlockCommitActive = 4;
    private const uint BlockCommitBandwidthBytes = 16;
    private const uint JobAbortAsync = 1;
    private const uint JobAbortPivot = 2;
    private const uint JobSpeedBytes = 1;
    private const uint SnapshotNoMetadata = 4;
    private const uint SnapshotDiskOnly = 16;
    private const uint SnapshotReuseExternal = 32;
    private const uint SnapshotAtomic = 128;

    public LibvirtConnection Connection => connection;

    public string Name => DomainApi.Name(handle);

    public Guid Uuid => DomainApi.Uuid(handle);

    /// <summary>The id of a running domain; null if it is shut off.</summary>
    public int? Id
    {
        get
        {
            var id = DomainApi.Id(handle);
            return id == uint.MaxValue ? null : (int)id;
        }
    }

    public DomainState State => (DomainState)DomainApi.State(handle).State;

    /// <summary>The state, and the reason of a pause; the reason is null if the domain is not paused.</summary>
    public (DomainState State, PauseReason? Paused) StateAndReason =>
        DomainApi.State(handle) is var (state, reason) && state == (int)DomainState.Paused
            ? (DomainState.Paused, (PauseReason)reason)
            : ((DomainState)state, null);

    /// <summary>
    /// Whether it was paused by an API call, and not by QEMU or libvirt (an I/O error, a lost lease, a migration). If libvirtd was restarted
    /// during that call, the reason is unknown.
    /// </summary>
    public bool IsPausedByCall => StateAndReason.Paused is PauseReason.User or PauseReason.Unknown;

    /// <summary>Whether it is active now: running or paused.</summary>
    public bool IsActive => DomainApi.IsActive(handle);

    public bool IsPersistent => DomainApi.IsPersistent(handle);

    /// <summary>Where the memory of a shut-off domain is saved; null if it is not saved.</summary>
    public SavedMemory? SavedMemory => IsActive
        ? null
        : DomainApi.HasManagedSave(handle)
            ? Libvirt.SavedMemory.Managed
            : DomainApi.State(handle) is ((int)DomainState.ShutOff, ShutOffSaved) ? Libvirt.SavedMemory.File : null;

    /// <summary>The live definition if the domain is active, else the stored one.</summary>
    public string CurrentXml() => DomainApi.Xml(handle, 0);

    /// <summary>The stored definition; for a transient domain, libvirt returns the live one.</summary>
    public string StoredXml() => DomainApi.Xml(handle, XmlInactive);

    /// <summary>Sets the metadata element with <paramref name="uri"/>, or removes it if <paramref name="element"/> is null.</summary>
    public void SetMetadata(string? element, string? prefix, string uri, Definition definition) =>
        DomainApi.SetMetadata(handle, element, prefix, uri, (uint)definition);

    public void UpdateDevice(string xml, Definition definition) => DomainApi.UpdateDevice(handle, xml, (uint)definition);

    public int Freeze(IReadOnlyList<string>? mountPoints) => DomainApi.Freeze(handle, mountPoints?.ToArray());

    public int Thaw() => DomainApi.Thaw(handle);

    /// <summary>Pauses the vCPUs. QEMU then completes all requests and flushes its caches.</summary>
    public void Suspend() => DomainApi.Suspend(handle);

    public void Resume() => DomainApi.Resume(handle);

    /// <summary>Sets the timeout of every agent call on this domain, by any client. In seconds, or <see cref="AgentTimeoutBlock"/>.</summary>
    public void SetAgentTimeout(int seconds) => DomainApi.SetAgentTimeout(handle, seconds);

    public void PingAgent() => DomainApi.PingAgent(handle);

    public string AgentCommand(string command, int timeoutSeconds) => DomainApi.AgentCommand(handle, command, timeoutSeconds);

    public IReadOnlyList<GuestFileSystem> FileSystems() => DomainApi.FileSystems(handle);

    /// <summary>Switches the named disks to existing overlays: all of them, or none.</summary>
    public void SwitchToOverlays(string snapshotXml) => DomainApi.CreateSnapshot(
        handle, snapshotXml, SnapshotDiskOnly | SnapshotAtomic | SnapshotNoMetadata | SnapshotReuseExternal);

    public ulong Capacity(string target) => DomainApi.Capacity(handle, target);

    /// <summary>Starts to commit the active layer into <paramref name="bottom"/>; the job stays until it is pivoted or aborted.</summary>
    /// <param name="target">The disk.</param>
    /// <param name="bottom">The base of the commit: a path, or <c>vda[3]</c>.</param>
    /// <param name="bandwidth">Bytes per second; 0 for no limit.</param>
    public void CommitActive(string target, string bottom, ulong bandwidth) =>
        DomainApi.BlockCommit(handle, target, bottom, null, bandwidth, BlockCommitActive | BlockCommitBandwidthBytes);

    /// <summary>Starts to commit a layer in the middle of the chain into <paramref name="bottom"/>; the job ends by itself.</summary>
    public void CommitMiddle(string target, string bottom, string top, ulong bandwidth) =>
        DomainApi.BlockCommit(handle, target, bottom, top, bandwidth, BlockCommitBandwidthBytes);

    /// <summary>Requests the pivot and does not wait for it: the end of the job is an event.</summary>
    public void BeginPivot(string target) => DomainApi.BlockJobAbort(handle, target, JobAbortPivot | JobAbortAsync);

    public void AbortJob(string target) => DomainApi.BlockJobAbort(handle, target, 0);

    /// <param name="target">The disk.</param>
    /// <param name="bandwidth">Bytes per second; 0 for no limit.</param>
    public void SetJobSpeed(string target, ulong bandwidth) => DomainApi.BlockJobSetSpeed(handle, target, bandwidth, JobSpeedBytes);

    public BlockJob? FindJob(string target) => DomainApi.BlockJob(handle, target);

    /// <summary>Passes on this domain's block job events until the returned action is called.</summary>
    public Action ListenToBlockJobs(Action<BlockJobEvent> listener) =>
        EventApi.ListenToBlockJobs(connectionHandle, handle, listener);

    /// <summary>
    /// Calls <paramref name="listener"/> at each reset of the guest until the returned action is called. The call is made on a thread
    /// that must not block.
    /// </summary>
    public Action ListenToResets(Action listener) => EventApi.ListenToResets(connectionHandle, handle, listener);

    /// <summary>
    /// The operation of the domain's job; null if there is none. Before libvirt 10.8, repeated calls during a backup can crash the daemon. The
    /// call blocks while another call uses QEMU's monitor.
    /// </summary>
    public DomainJobOperation? FindDomainJob() => (DomainJobOperation?)DomainApi.JobOperation(handle);

    /// <summary>The definitions of the snapshots that libvirt keeps for this domain.</summary>
    public IReadOnlyList<string> SnapshotXmls() => DomainApi.SnapshotXmls(handle);

    /// <summary>Gives up the domain and its connection while a call is still running on them. Neither may be used again.</summary>
    public void Abandon()
    {
        rented?.Abandon();
        handle.Dispose();
    }

    public void Dispose()
    {
        handle.Dispose();
        rented?.Dispose();
    }
}

/// <summary>The definitions of a domain that a change applies to (<c>virDomainModificationImpact</c>).</summary>
[Flags]
internal enum Definition
{
    /// <summary>The running one.</summary>
    Live = 1,

    /// <summary>The stored one.</summary>
    Stored = 2,
}

/// <summary>Where the memory of a shut-off domain is saved.</summary>
internal enum SavedMemory
{
    /// <summary>libvirt's managed save: the next start continues from it.</summary>
    Managed,

    /// <summary>A file of <c>virsh save</c>. libvirtd forgets this at its next restart.</summary>
    File,
}
