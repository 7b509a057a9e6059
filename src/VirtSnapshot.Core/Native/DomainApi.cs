using System.Runtime.InteropServices;

namespace VirtSnapshot.Native;

/// <summary><c>virDomain*</c>: https://libvirt.org/html/libvirt-libvirt-domain.html</summary>
internal static unsafe partial class DomainApi
{
    private const int MetadataElement = 2;
    private const int UuidStringLength = 37;
    private const int JobNone = 0; // VIR_DOMAIN_JOB_NONE

    public static DomainHandle LookupByName(ConnectHandle connection, string name) =>
        ErrorApi.Check(LookupByNameNative(connection, name), nameof(LookupByName));

    public static DomainHandle LookupByUuid(ConnectHandle connection, Guid uuid) =>
        ErrorApi.Check(LookupByUuidString(connection, uuid.ToString("D")), nameof(LookupByUuid));

    public static string Name(DomainHandle domain) =>
        Marshal.PtrToStringUTF8(GetName(domain)) ?? throw ErrorApi.LastError(nameof(GetName));

    public static Guid Uuid(DomainHandle domain)
    {
        var text = stackalloc byte[UuidStringLength];
        ErrorApi.Check(GetUuidString(domain, text), nameof(GetUuidString));
        return Guid.Parse(Marshal.PtrToStringUTF8((nint)text)!);
    }

    public static (int State, int Reason) State(DomainHandle domain)
    {
        ErrorApi.Check(GetState(domain, out var state, out var reason, 0), nameof(GetState));
        return (state, reason);
    }

    public static bool IsActive(DomainHandle domain)
    {
        var result = IsActiveNative(domain);
        ErrorApi.Check(result, nameof(IsActive));
        return result == 1;
    }

    public static bool IsPersistent(DomainHandle domain)
    {
        var result = IsPersistentNative(domain);
        ErrorApi.Check(result, nameof(IsPersistent));
        return result == 1;
    }

    public static bool HasManagedSave(DomainHandle domain)
    {
        var result = HasManagedSaveImage(domain, 0);
        ErrorApi.Check(result, nameof(HasManagedSave));
        return result == 1;
    }

    public static string Xml(DomainHandle domain, uint flags) => ErrorApi.Check(GetXmlDesc(domain, flags), nameof(GetXmlDesc));

    public static void SetMetadata(DomainHandle domain, string? element, string? key, string uri, uint flags) =>
        ErrorApi.Check(SetMetadataNative(domain, MetadataElement, element, key, uri, flags), nameof(SetMetadata));

    public static void UpdateDevice(DomainHandle domain, string xml, uint flags) =>
        ErrorApi.Check(UpdateDeviceFlags(domain, xml, flags), nameof(UpdateDeviceFlags));

    /// <returns>The number of file systems that were frozen.</returns>
    public static int Freeze(DomainHandle domain, string[]? mountPoints)
    {
        var count = FsFreeze(domain, mountPoints, (uint)(mountPoints?.Length ?? 0), 0);
        ErrorApi.Check(count, nameof(FsFreeze));
        return count;
    }

    public static void Suspend(DomainHandle domain) => ErrorApi.Check(DomainSuspend(domain), nameof(Suspend));

    public static void Resume(DomainHandle domain) => ErrorApi.Check(DomainResume(domain), nameof(Resume));

    /// <summary>Thaws all file systems. libvirt rejects a thaw with mount points, which would leave the guest frozen.</summary>
    /// <returns>The number of file systems that were thawed.</returns>
    public static int Thaw(DomainHandle domain)
    {
        var count = FsThaw(domain, 0, 0, 0);
        ErrorApi.Check(count, nameof(FsThaw));
        return count;
    }

    public static void SetAgentTimeout(DomainHandle domain, int seconds) =>
        ErrorApi.Check(AgentSetResponseTimeout(domain, seconds, 0), nameof(AgentSetResponseTimeout));

    /// <summary>Reads the agent's clock: the cheapest agent command that does not taint the domain.</summary>
    public static void PingAgent(DomainHandle domain) =>
        ErrorApi.Check(GetTime(domain, out _, out _, 0), nameof(GetTime));

    public static string AgentCommand(DomainHandle domain, string command, int timeoutSeconds) =>
        ErrorApi.Check(QemuAgentCommand(domain, command, timeoutSeconds, 0), nameof(QemuAgentCommand));

    public static IReadOnlyList<GuestFileSystem> FileSystems(DomainHandle domain)
    {
        var count = GetFsInfo(domain, out var infos, 0);
        ErrorApi.Check(count, nameof(GetFsInfo));
        try
        {
            var result = new GuestFileSystem[count];
            for (var i = 0; i < count; i++)
            {
                var info = infos[i];
                var targets = new string[info->TargetCount];
                for (nuint t = 0; t < info->TargetCount; t++)
                {
                    targets[t] = Marshal.PtrToStringUTF8(info->Targets[t])!;
                }

                result[i] = new GuestFileSystem(Marshal.PtrToStringUTF8(info->MountPoint)!, targets);
            }

            return result;
        }
        finally
        {
            for (var i = 0; i < count; i++)
            {
                FsInfoFree(infos[i]);
            }

            NativeText.Free((nint)infos);
        }
    }

    public static void CreateSnapshot(DomainHandle domain, string xml, uint flags)
    {
        var snapshot = SnapshotCreateXml(domain, xml, flags);
        if (snapshot == 0)
        {
            throw ErrorApi.LastError(nameof(SnapshotCreateXml));
        }

        _ = SnapshotFree(snapshot);
    }

    public static IReadOnlyList<string> SnapshotXmls(DomainHandle domain)
    {
        var count = ListAllSnapshots(domain, out var snapshots, 0);
        ErrorApi.Check(count, nameof(ListAllSnapshots));
        try
        {
            var result = new string[count];
            for (var i = 0; i < count; i++)
            {
                result[i] = ErrorApi.Check(SnapshotGetXmlDesc(snapshots[i], 0), nameof(SnapshotGetXmlDesc));
            }

            return result;
        }
        finally
        {
            for (var i = 0; i < count; i++)
            {
                _ = SnapshotFree(snapshots[i]);
            }

            NativeText.Free((nint)snapshots);
        }
    }

    /// <returns>The operation of the domain's job (<c>virDomainJobOperation</c>); null if there is no job.</returns>
    public static int? JobOperation(DomainHandle domain)
    {
        ErrorApi.Check(GetJobStats(domain, out var type, out var parameters, out var count, 0), nameof(GetJobStats));
        try
        {
            return type == JobNone ? null : TypedParamsGetInt(parameters, count, "operation", out var operation) == 1 ? operation : 0;
        }
        finally
        {
            TypedParamsFree(parameters, count);
        }
    }

    /// <returns>The disk's virtual size in bytes.</returns>
    public static ulong Capacity(DomainHandle domain, string disk)
    {
        ErrorApi.Check(GetBlockInfo(domain, disk, out var info, 0), nameof(GetBlockInfo));
        return info.Capacity;
    }

    public static void BlockCommit(DomainHandle domain, string disk, string? bottom, string? top, ulong bandwidth, uint flags) =>
        ErrorApi.Check(BlockCommitNative(domain, disk, bottom, top, new CULong((nuint)bandwidth), flags), nameof(BlockCommit));

    public static void BlockJobAbort(DomainHandle domain, string disk, uint flags) =>
        ErrorApi.Check(BlockJobAbortNative(domain, disk, flags), nameof(BlockJobAbort));

    public static void BlockJobSetSpeed(DomainHandle domain, string disk, ulong bandwidth, uint flags) =>
        ErrorApi.Check(BlockJobSetSpeedNative(domain, disk, new CULong((nuint)bandwidth), flags), nameof(BlockJobSetSpeed));

    public static BlockJob? BlockJob(DomainHandle domain, string disk)
    {
        var found = GetBlockJobInfo(domain, disk, out var info, 0);
        ErrorApi.Check(found, nameof(GetBlockJobInfo));
        return found == 0 ? null : new BlockJob((BlockJobType)info.Type, info.Current, info.End);
    }

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainFree")]
    internal static partial int Free(nint domain);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainLookupByName", StringMarshalling = StringMarshalling.Utf8)]
    private static partial DomainHandle LookupByNameNative(ConnectHandle connection, string name);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainLookupByUUIDString", StringMarshalling = StringMarshalling.Utf8)]
    private static partial DomainHandle LookupByUuidString(ConnectHandle connection, string uuid);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainGetName")]
    private static partial nint GetName(DomainHandle domain);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainGetUUIDString")]
    private static partial int GetUuidString(DomainHandle domain, byte* text);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainGetID")]
    internal static partial uint Id(DomainHandle domain);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainGetState")]
    private static partial int GetState(DomainHandle domain, out int state, out int reason, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainIsActive")]
    private static partial int IsActiveNative(DomainHandle domain);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainIsPersistent")]
    private static partial int IsPersistentNative(DomainHandle domain);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainHasManagedSaveImage")]
    private static partial int HasManagedSaveImage(DomainHandle domain, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainGetXMLDesc")]
    private static partial nint GetXmlDesc(DomainHandle domain, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainSetMetadata", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetMetadataNative(DomainHandle domain, int type, string? metadata, string? key, string uri, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainUpdateDeviceFlags", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UpdateDeviceFlags(DomainHandle domain, string xml, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainFSFreeze", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int FsFreeze(DomainHandle domain, string[]? mountPoints, uint count, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainFSThaw")]
    private static partial int FsThaw(DomainHandle domain, nint mountPoints, uint count, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainSuspend")]
    private static partial int DomainSuspend(DomainHandle domain);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainResume")]
    private static partial int DomainResume(DomainHandle domain);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainAgentSetResponseTimeout")]
    private static partial int AgentSetResponseTimeout(DomainHandle domain, int seconds, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainGetTime")]
    private static partial int GetTime(DomainHandle domain, out long seconds, out uint nanoseconds, uint flags);

    [LibraryImport(Library.LibvirtQemu, EntryPoint = "virDomainQemuAgentCommand", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint QemuAgentCommand(DomainHandle domain, string command, int timeout, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainGetFSInfo")]
    private static partial int GetFsInfo(DomainHandle domain, out FsInfo** infos, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainFSInfoFree")]
    private static partial void FsInfoFree(FsInfo* info);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainSnapshotCreateXML", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint SnapshotCreateXml(DomainHandle domain, string xml, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainListAllSnapshots")]
    private static partial int ListAllSnapshots(DomainHandle domain, out nint* snapshots, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainSnapshotGetXMLDesc")]
    private static partial nint SnapshotGetXmlDesc(nint snapshot, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainSnapshotFree")]
    private static partial int SnapshotFree(nint snapshot);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainGetJobStats")]
    private static partial int GetJobStats(DomainHandle domain, out int type, out nint parameters, out int count, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virTypedParamsGetInt", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int TypedParamsGetInt(nint parameters, int count, string name, out int value);

    [LibraryImport(Library.Libvirt, EntryPoint = "virTypedParamsFree")]
    private static partial void TypedParamsFree(nint parameters, int count);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainGetBlockInfo", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int GetBlockInfo(DomainHandle domain, string disk, out BlockInfo info, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainBlockCommit", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int BlockCommitNative(
        DomainHandle domain, string disk, string? bottom, string? top, CULong bandwidth, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainBlockJobAbort", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int BlockJobAbortNative(DomainHandle domain, string disk, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainBlockJobSetSpeed", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int BlockJobSetSpeedNative(DomainHandle domain, string disk, CULong bandwidth, uint flags);

    [LibraryImport(Library.Libvirt, EntryPoint = "virDomainGetBlockJobInfo", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int GetBlockJobInfo(DomainHandle domain, string disk, out JobInfo info, uint flags);

    /// <summary><c>virDomainFSInfo</c></summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct FsInfo
    {
        public nint MountPoint;
        public nint Name;
        public nint FileSystemType;
        public nuint TargetCount;
        public nint* Targets;
    }

    /// <summary><c>virDomainBlockInfo</c>, in bytes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct BlockInfo
    {
        public ulong Capacity;
        public ulong Allocation;
        public ulong Physical;
    }

    /// <summary><c>virDomainBlockJobInfo</c></summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct JobInfo
    {
        public int Type;
        public CULong Bandwidth;
        public ulong Current;
        public ulong End;
    }
}

/// <summary>Owns one reference to a <c>virDomainPtr</c>, which keeps its connection open.</summary>
internal sealed class DomainHandle(nint pointer) : LibvirtHandle(pointer)
{
    public DomainHandle()
        : this(0)
    {
    }

    protected override bool ReleaseHandle() => DomainApi.Free(handle) == 0;
}

/// <summary>A mounted file system, as reported by the guest agent.</summary>
/// <param name="MountPoint">The mount point in the guest.</param>
/// <param name="Targets">The targets of the disks that hold it.</param>
internal sealed record GuestFileSystem(string MountPoint, IReadOnlyList<string> Targets);
