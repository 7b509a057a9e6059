using VirtSnapshot.Native;

namespace VirtSnapshot.Libvirt;

/// <summary>A domain's calls, one to one: no policy. One user at a time, as its connection.</summary>
/// <param name="connection">The connection it was found through.</param>
/// <param name="connectionHandle">That connection's handle.</param>
/// <param name="handle">The domain.</param>
/// <param name="rented">The connection's rent, where it ends with this object.</param>
internal sealed class LibvirtDomain(
    LibvirtConnection connection, ConnectHandle connectionHandle, DomainHandle handle, RentedConnection? rented = null) : IDisposable
{
    /// <summary>libvirt's default: wait for the agent for ever. There is no getter, so this is what a timeout is put back to.</summary>
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

    /// <summary>The number of a running domain; a shut-off one has none.</summary>
    public int? Id
    {
        get
        {
            var id = DomainApi.Id(handle);
            return id == uint.MaxValue ? null : (int)id;
        }
    }

    public DomainState State => (DomainState)DomainApi.State(handle).State;

    /// <summary>What it does, and why it is paused; null where it is not.</summary>
    public (DomainState State, PauseReason? Paused) StateAndReason =>
        DomainApi.State(handle) is var (state, reason) && state == (int)DomainState.Paused
            ? (DomainState.Paused, (PauseReason)reason)
            : ((DomainState)state, null);

    /// <summary>
    /// Whether it was paused by a call, ours or somebody's, and not by QEMU or libvirt: an I/O error, a lost lease, a migration. A libvirtd that died in the middle of
    /// that call no longer knows the reason.
    /// </summary>
    public bool IsPausedByCall => StateAndReason.Paused is PauseReason.User or PauseReason.Unknown;

    /// <summary>Whether it runs at this moment, paused or not.</summary>
    public bool IsActive => DomainApi.IsActive(handle);

    public bool IsPersistent => DomainApi.IsPersistent(handle);

    /// <summary>Where the memory of a shut-off domain is saved, from which it can continue. Null if it is not saved.</summary>
    public SavedMemory? SavedMemory => IsActive
        ? null
        : DomainApi.HasManagedSave(handle)
            ? Libvirt.SavedMemory.Managed
            : DomainApi.State(handle) is ((int)DomainState.ShutOff, ShutOffSaved) ? Libvirt.SavedMemory.File : null;

    /// <summary>The running definition where the domain runs, else the stored one.</summary>
    public string CurrentXml() => DomainApi.Xml(handle, 0);

    /// <summary>The stored definition; of a transient domain libvirt hands out the running one.</summary>
    public string StoredXml() => DomainApi.Xml(handle, XmlInactive);

    /// <summary>Sets (or with <see langword="null"/> removes) the one element that the metadata holds under <paramref name="uri"/>.</summary>
    public void SetMetadata(string? element, string? prefix, string uri, Definition definition) =>
        DomainApi.SetMetadata(handle, element, prefix, uri, (uint)definition);

    public void UpdateDevice(string xml, Definition definition) => DomainApi.UpdateDevice(handle, xml, (uint)definition);

    public int Freeze(IReadOnlyList<string>? mountPoints) => DomainApi.Freeze(handle, mountPoints?.ToArray());

    public int Thaw() => DomainApi.Thaw(handle);

    /// <summary>Lets the vCPUs stand still; QEMU then finishes all requests and flushes its caches.</summary>
    public void Suspend() => DomainApi.Suspend(handle);

    public void Resume() => DomainApi.Resume(handle);

    /// <summary>Bounds every agent call on this domain, whoever makes it. In seconds, or <see cref="AgentTimeoutBlock"/>.</summary>
    public void SetAgentTimeout(int seconds) => DomainApi.SetAgentTimeout(handle, seconds);

    public void PingAgent() => DomainApi.PingAgent(handle);

    public string AgentCommand(string command, int timeoutSeconds) => DomainApi.AgentCommand(handle, command, timeoutSeconds);

    public IReadOnlyList<GuestFileSystem> FileSystems() => DomainApi.FileSystems(handle);

    /// <summary>Switches the named disks onto overlays that exist already: all of them, or none.</summary>
    public void SwitchToOverlays(string snapshotXml) => DomainApi.CreateSnapshot(
        handle, snapshotXml, SnapshotDiskOnly | SnapshotAtomic | SnapshotNoMetadata | SnapshotReuseExternal);

    public ulong Capacity(string target) => DomainApi.Capacity(handle, target);

    /// <summary>Starts to pour the active layer into <paramref name="bottom"/>; the job stays until it is pivoted or aborted.</summary>
    /// <param name="target">The disk.</param>
    /// <param name="bottom">The layer poured into: a path, or <c>vda[3]</c>.</param>
    /// <param name="bandwidth">Bytes per second; 0 for no limit.</param>
    public void CommitActive(string target, string bottom, ulong bandwidth) =>
        DomainApi.BlockCommit(handle, target, bottom, null, bandwidth, BlockCommitActive | BlockCommitBandwidthBytes);

    /// <summary>Starts to pour a layer in the middle of the chain into <paramref name="bottom"/>; the job ends by itself.</summary>
    public void CommitMiddle(string target, string bottom, string top, ulong bandwidth) =>
        DomainApi.BlockCommit(handle, target, bottom, top, bandwidth, BlockCommitBandwidthBytes);

    /// <summary>Asks for the pivot, and does not wait for it: the job's end is an event, as for every job.</summary>
    public void BeginPivot(string target) => DomainApi.BlockJobAbort(handle, target, JobAbortPivot | JobAbortAsync);

    public void AbortJob(string target) => DomainApi.BlockJobAbort(handle, target, 0);

    /// <param name="target">The disk.</param>
    /// <param name="bandwidth">Bytes per second; 0 for no limit.</param>
    public void SetJobSpeed(string target, ulong bandwidth) => DomainApi.BlockJobSetSpeed(handle, target, bandwidth, JobSpeedBytes);

    public BlockJob? FindJob(string target) => DomainApi.BlockJob(handle, target);

    /// <summary>Hands on this domain's block job events until the result is called.</summary>
    public Action ListenToBlockJobs(Action<BlockJobEvent> listener) =>
        EventApi.ListenToBlockJobs(connectionHandle, handle, listener);

    /// <summary>Hears of each reset of the guest, whoever causes it, until the result is called. On a thread that must not wait.</summary>
    public Action ListenToResets(Action listener) => EventApi.ListenToResets(connectionHandle, handle, listener);

    /// <summary>
    /// What the domain's job does; null if there is none. Below libvirt 10.8, repeated calls during a backup can crash the daemon. The call waits while another
    /// call has QEMU's monitor.
    /// </summary>
    public DomainJobOperation? FindDomainJob() => (DomainJobOperation?)DomainApi.JobOperation(handle);

    /// <summary>The definitions of the snapshots that libvirt itself keeps of this domain.</summary>
    public IReadOnlyList<string> SnapshotXmls() => DomainApi.SnapshotXmls(handle);

    /// <summary>A call is still under way, which nobody waits for any more: neither this nor its connection may be used again.</summary>
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

/// <summary>Which of a domain's definitions a change goes to (<c>virDomainModificationImpact</c>).</summary>
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

    /// <summary>A file of <c>virsh save</c>. libvirtd knows this only until it is restarted.</summary>
    File,
}
