using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Hosts;
using VirtSnapshot.Methods;
using VirtSnapshot.Methods.LibvirtVolume;
using VirtSnapshot.Methods.Qemu;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Forged;

/// <summary>A domain whose records are forged, with one genuine snapshot. Where a forged case has changed what is its own, it is brought back.</summary>
internal sealed class FuzzCrashTest : IDisposable
{
    private const string DefinitionFile = "definition.xml";

    private readonly LabFixture lab;
    private readonly string folder;
    private readonly bool isRunning;
    private readonly BareDomain bare;
    private readonly TestFolder saved;
    private readonly SnapshotRecord record;
    private string state = "";

    public FuzzCrashTest(LabFixture lab, string name, string folder, string method, bool isRunning)
    {
        this.lab = lab;
        this.folder = folder;
        this.isRunning = isRunning;
        Name = name;
        Method = method;
        saved = new TestFolder(Path.Combine(lab.Images, $"{name}.saved"));
        bare = Make();
        Engine.Take(bare.Domain, "one", disks: ["vda"], method: method);
        var set = SnapshotCatalog.Read(bare.Domain)[0];
        Set = set.Identity!;
        record = set.Disks[0].Record;
        Genuine = ReadGenuine(set);
        Save();
        Start();
    }

    public string Name { get; }

    public string Method { get; }

    /// <summary>The set that was taken.</summary>
    public SetIdentity Set { get; }

    /// <summary>Its record, and what a journal of each operation says of it.</summary>
    public IReadOnlyList<(string Uri, XElement Record)> Genuine { get; }

    public string? Instance { get; private set; }

    public VmDomain Domain => bare.Domain;

    /// <summary>Whether an entry of a folder is one of this domain's own.</summary>
    public bool Owns(string entry) =>
        entry.StartsWith($"{Name}-", StringComparison.Ordinal) || entry.Contains(SnapshotLabel.ShortGroup(Set.Group), StringComparison.Ordinal);

    /// <summary>Replaces all records.</summary>
    public void Write(IEnumerable<(string Uri, XElement Record)> records)
    {
        using var native = DomainFinder.Open(Domain);
        var now = DomainReader.Read(native);
        foreach (var uri in MetadataRecord.FindAll(now.Root, MetadataUri.SetPrefix).Select(found => found.Uri).Append(MetadataUri.Journal).ToList())
        {
            MetadataRecord.Delete(native, now, uri);
        }

        foreach (var (uri, record) in records)
        {
            MetadataRecord.Write(native, DomainReader.Read(native), uri, record);
        }
    }

    /// <summary>Brings it back to what it was where its disks or its snapshot are no longer that.</summary>
    public bool MendIfChanged()
    {
        if (State() == state)
        {
            return false;
        }

        if (isRunning)
        {
            lab.Virsh("destroy", Name);
        }

        Clear();
        Copy(Directory.GetFiles(saved.Path).Where(file => Path.GetFileName(file) != DefinitionFile), folder);
        if (Method == "btrfs")
        {
            LabScript.RunProgram("btrfs", "subvolume", "snapshot", "-r", "--", folder, (string)record.Data.Attribute("at")!);
        }
        else if (Method == "libvirt-volume")
        {
            lab.Virsh("pool-refresh", FuzzTests.Pool);
        }

        lab.Virsh("define", Path.Combine(saved.Path, DefinitionFile));
        Start();
        return true;
    }

    public void Dispose()
    {
        bare.Dispose();
        Clear();
        saved.Dispose();
    }

    private void Clear()
    {
        foreach (var entry in Directory.GetFileSystemEntries(folder).Where(entry => Owns(Path.GetFileName(entry))))
        {
            if (Directory.Exists(entry))
            {
                LabScript.RunProgram("btrfs", "subvolume", "delete", entry);
            }
            else
            {
                File.Delete(entry);
            }
        }
    }

    /// <summary>A domain whose first disk has the snapshot; another disk, and an empty drive.</summary>
    private BareDomain Make()
    {
        var image = Path.Combine(folder, $"{Name}-a.img");
        var format = Method is "qemu" or "qemu-internal" ? "qcow2" : "raw";
        LabScript.RunProgram("qemu-img", "create", "-q", "-f", format, image, "1M");
        var spare = Path.Combine(folder, $"{Name}-b.img");
        LabScript.RunProgram("qemu-img", "create", "-q", "-f", "raw", spare, "1M");
        if (Method == "libvirt-volume")
        {
            lab.Virsh("pool-refresh", FuzzTests.Pool);
        }

        return new BareDomain(
            lab,
            Name,
            [BareDomain.FileDisk(image, "vda", format), BareDomain.FileDisk(spare, "vdb", "raw"),
                "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>"],
            isRunning: false);
    }

    /// <summary>Starts it, if it is to run. The state to come back to is the one from then on.</summary>
    private void Start()
    {
        if (isRunning)
        {
            lab.Virsh("start", Name);
        }

        using var session = DomainSession.Open(Engine.Current, Domain, TestContext.Current.CancellationToken);
        Instance = session.Instance;
        state = State();
    }

    /// <summary>The record, and the journals that a run of each operation would write.</summary>
    private List<(string Uri, XElement Record)> ReadGenuine(SnapshotSet set)
    {
        using var session = DomainSession.Open(Engine.Current, Domain, TestContext.Current.CancellationToken);
        var written = new List<(string, XElement)> { (set.Uri, set.ToElement()) };
        foreach (var operation in Enum.GetValues<RunOperation>())
        {
            session.Journal(operation, DateTimeOffset.UtcNow, [EntryOf(record, operation)]);
            session.Reread();
            written.Add((MetadataUri.Journal, MetadataRecord.Find(session.Domain.Root, MetadataUri.Journal)!));
        }

        RunJournal.Clear(session.Native, session.Domain);
        return written;
    }

    private static void Copy(IEnumerable<string> files, string folder) =>
        LabScript.RunProgram("cp", ["--preserve=all", "--sparse=always", "--", .. files, folder]);

    private void Save()
    {
        Copy(Directory.GetFiles(folder).Where(file => Owns(Path.GetFileName(file))), saved.Path);
        File.WriteAllText(Path.Combine(saved.Path, DefinitionFile), lab.Virsh("dumpxml", "--inactive", Name));
    }

    private static JournalEntry EntryOf(SnapshotRecord record, RunOperation operation)
    {
        var entry = new JournalEntry(record.Set!.Group, record.Set.Name, record);
        if (operation is not (RunOperation.Restore or RunOperation.RestoreEnding))
        {
            return entry with { WasRecorded = operation == RunOperation.Removal };
        }

        switch (record.Method)
        {
            case "qemu":
                var next = OverlayData.PathOf(record).Replace(".qcow2", ".restored-1.qcow2", StringComparison.Ordinal);
                return entry with { Becomes = record with { Data = OverlayData.ToElement(next, OverlayData.StemOf(record)!) } };
            case "libvirt-volume":
                var copy = VolumeCopy.Read(record);
                var name = VolumeReplacement.NameAfter(copy.Origin, record.Set.Group);
                string In(string volume) => Path.Combine(Path.GetDirectoryName(copy.Path)!, volume);
                var succession = new VolumeReplacement(copy.Pool, name, In(name), copy.Origin, In(copy.Origin), IsNamedByPool: false, IsLogical: false);
                return entry with { Record = succession.AddTo(record), Becomes = record with { Image = succession.Path } };
            default:
                return entry with { Becomes = record };
        }
    }

    /// <summary>Its definition without metadata, and its files.</summary>
    private string State()
    {
        var definition = XElement.Parse(bare.Domain.Xml);
        definition.Element("metadata")?.Remove();
        return string.Join('\n', new DirectoryInfo(folder).EnumerateFileSystemInfos().Where(entry => Owns(entry.Name))
            .OrderBy(entry => entry.Name, StringComparer.Ordinal).Select(Facts).Prepend($"{definition}"));
    }

    /// <summary>What changes when a file is written, replaced or deleted.</summary>
    public static string Facts(FileSystemInfo entry) => new LocalHost("test:///default").Stat(entry.FullName) is { } facts
        ? $"{entry.FullName} {facts.Inode} {facts.Mode:x} {facts.Owner} {(facts.IsDirectory ? "" : $"{facts.Size} {entry.LastWriteTimeUtc:O}")}"
        : $"{entry.FullName} is gone";
}
