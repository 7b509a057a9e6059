using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Storage;
using VirtSnapshot.Tests.Forged;
using VirtSnapshot.Tests.Lab;

namespace VirtSnapshot.Tests.Conformance;

/// <summary>A domain of this machine's private libvirtd on image files.</summary>
internal sealed class LocalDomain : MethodDomain, IDisposable
{
    private static readonly LocalHost Host = new("test:///default");

    private readonly LabFixture lab;
    private readonly List<string> folders;
    private readonly List<string> links = [];
    private readonly Action<DiskSnapshot> destroy;
    private readonly BareDomain domain;

    /// <param name="lab">The lab.</param>
    /// <param name="name">Its name.</param>
    /// <param name="disks">Its images, which are there.</param>
    /// <param name="destroy">Deletes a snapshot's data.</param>
    public LocalDomain(LabFixture lab, string name, IReadOnlyList<(string Image, string Format)> disks, Action<DiskSnapshot> destroy)
    {
        (this.lab, this.destroy) = (lab, destroy);
        folders = [.. disks.Select(disk => Path.GetDirectoryName(disk.Image)!).Distinct()];
        var elements = disks.Select((disk, i) => BareDomain.FileDisk(Writable(disk.Image, $"{name}-link{i}"), $"vd{(char)('a' + i)}", disk.Format));
        domain = new BareDomain(lab, name, [.. elements], isRunning: false);
    }

    public override string Uri => lab.Uri;

    public override string Name => domain.Name;

    public override VmDomain Domain => domain.Domain;

    public void Start() => lab.Virsh("start", Name);

    public void Suspend() => lab.Virsh("suspend", Name);

    public void Stop() => lab.Virsh("destroy", Name);

    public override void Write(byte content)
    {
        var now = Domain;
        var beside = 1 + (content % 7);
        foreach (var disk in now.Disks)
        {
            if (now.IsActive)
            {
                domain.Write(content, "0", target: disk.Target);
                domain.Write(content, $"{beside}M", target: disk.Target);
            }
            else if (disk.Format == "raw")
            {
                using var file = File.OpenWrite(disk.Source.Path!);
                byte[] block = [.. Enumerable.Repeat(content, 1 << 16)];
                file.Write(block);
                file.Position = beside << 20;
                file.Write(block);
            }
            else
            {
                string[] writes = ["-c", $"write -q -P {content} 0 64k", "-c", $"write -q -P {content} {beside}M 64k"];
                LabScript.RunProgram("qemu-io", ["-f", disk.Format!, .. writes, "--", disk.Source.Path!]);
            }
        }
    }

    public override IReadOnlyList<string> Storage() =>
        [.. folders.SelectMany(folder => Directory.GetFileSystemEntries(folder)).Order(StringComparer.Ordinal).Select(Describe)];

    public override string Evidence() => ForgedTest.Evidence([.. folders]);

    public override IDisposable Open(DiskSnapshot snapshot) => File.Open(snapshot.BackupSource.Path!, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);

    public override void Destroy(DiskSnapshot snapshot) => destroy(snapshot);

    public void Dispose()
    {
        domain.Dispose();
        links.ForEach(File.Delete);
    }

    protected override string[] Read(IReadOnlyList<DiskSource> sources) =>
        [.. sources.Select(source => source.Format == "raw" ? ImageDigest.OfFile(source.Path!) : ImageDigest.Of(source))];

    /// <summary>libvirt makes blanks of line breaks in a path: such an image is led to by a link.</summary>
    private string Writable(string image, string link)
    {
        if (!image.Contains('\n', StringComparison.Ordinal))
        {
            return image;
        }

        links.Add(Path.Combine(lab.Images, link));
        File.CreateSymbolicLink(links[^1], image);
        return links[^1];
    }

    /// <summary>Its name, and how many snapshots it has inside.</summary>
    private static string Describe(string path) => path.EndsWith(".qcow2", StringComparison.Ordinal) && File.Exists(path) && Qcow2Of(path) is { } count
        ? $"{path} with {count} snapshots inside"
        : path;

    private static uint? Qcow2Of(string path) => ImageChain.ReadHeader(Host, path)?.SnapshotCount;
}
