using System.Globalization;
using VirtSnapshot.Domains;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Conformance;
using VirtSnapshot.Tests.Lab;

namespace VirtSnapshot.Tests.HostStorage;

/// <summary>A domain of the lab host on raw volumes and files. Everything is done in few sessions: each is felt on an emulated host.</summary>
/// <param name="host">The host.</param>
/// <param name="guest">The domain, which is shut off and stays so.</param>
/// <param name="destroy">The script that deletes the snapshot that is at <c>$1</c>.</param>
internal sealed class HostDomain(LabHost host, LabHostGuest guest, string destroy) : MethodDomain
{
    public override string Uri => host.Uri;

    public override string Name => guest.Name;

    public override VmDomain Domain => guest.Domain;

    public override void Write(byte content) => host.Run(
    [
        "sh", "-ec", """
        content=$1 beside=$2
        shift 2
        for path; do
            for seek in 0 "$beside"; do printf %s "$content" | dd "of=$path" bs=1M "seek=$seek" conv=notrunc,fsync status=none; done
        done
        """,
        "sh", content.ToString(CultureInfo.InvariantCulture), (1 + (content % 7)).ToString(CultureInfo.InvariantCulture),
        .. Domain.Disks.Select(disk => disk.Source.Path!),
    ]);

    public override IReadOnlyList<string> Storage() => host.Run(
    [
        "sh", "-ec", """
        lvs --noheadings -o vg_name,lv_name,lv_tags vg | grep virtsnapshot || :
        zfs list -H -t all -o name | grep virtsnapshot || :
        grep virtsnapshot /proc/self/mountinfo || :
        ls -A /run/virtsnapshot/mnt 2>/dev/null || :
        for folder; do ls -A "$folder" | grep virtsnapshot || :; done
        """,
        "sh", .. Domain.Disks.Select(disk => Path.GetDirectoryName(disk.Source.Path)!).Where(folder => !folder.StartsWith("/dev/", StringComparison.Ordinal)),
    ]).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    public override IDisposable Open(DiskSnapshot snapshot)
    {
        host.Run("sh", "-c", "sleep 1000 <\"$1\" >/dev/null 2>&1 & echo $! >/run/reader", "sh", snapshot.BackupSource.Path!);
        return new Reader(host);
    }

    public override void Destroy(DiskSnapshot snapshot) => host.Run("sh", "-ec", destroy, "sh", snapshot.BackupSource.Path!);

    protected override string[] Read(IReadOnlyList<DiskSource> sources) => sources.Count == 0
        ? []
        : host.Run(
        [
            "sh", "-ec", "for path; do blockdev --flushbufs \"$path\" 2>/dev/null || :; md5sum <\"$path\"; done",
            "sh", .. sources.Select(source => source.Path!),
        ]).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private sealed class Reader(LabHost host) : IDisposable
    {
        public void Dispose() => host.Run("sh", "-c", "kill $(cat /run/reader)");
    }
}
