using System.Globalization;
using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using VirtSnapshot.Tests.Methods.Volumes;
using Xunit;

namespace VirtSnapshot.Tests.Forged;

/// <summary>What the tests of forged records share: ways to write any record, and the evidence that nothing but the domain's metadata has changed.</summary>
public abstract class ForgedTest(LabFixture lab) : VolumeTest(lab)
{
    private protected static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>An identity that really is the domain's: whoever may write its metadata can compute one.</summary>
    private protected static SetIdentity Identity(VmDomain domain, string name = "one") => SetIdentity.New(domain.Uuid, SnapshotName.Parse(name));

    private protected static void WriteSet(VmDomain domain, SetIdentity set, params SnapshotRecord[] records) => Write(
        domain,
        MetadataUri.Set(set.Group),
        new SnapshotSet(set.Group, set.Name, DateTimeOffset.UtcNow, null,
            [.. records.Select(record => new SetDisk(record with { Set = set }, Consistency.Offline, ChangedDisk: true))])
        {
            Identity = set,
        }.ToElement());

    private protected static void WriteJournal(VmDomain domain, RunOperation operation, params JournalEntry[] entries)
    {
        using var native = DomainFinder.Open(domain);
        new RunJournal(operation, DateTimeOffset.UtcNow, entries).Write(native, DomainReader.Read(native));
    }

    private protected static JournalEntry Entry(SnapshotRecord record) => new(record.Set!.Group, record.Set.Name, record);

    private protected static void Write(VmDomain domain, string uri, XElement record)
    {
        using var native = DomainFinder.Open(domain);
        MetadataRecord.Write(native, DomainReader.Read(native), uri, record);
    }

    private protected static void ClearJournal(VmDomain domain)
    {
        using var native = DomainFinder.Open(domain);
        RunJournal.Clear(native, DomainReader.Read(native));
    }

    /// <summary>Takes all records of ours out.</summary>
    private protected static void ClearMetadata(VmDomain domain)
    {
        using var native = DomainFinder.Open(domain);
        var now = DomainReader.Read(native);
        RunJournal.Clear(native, now);
        foreach (var (uri, _) in MetadataRecord.FindAll(now.Root, MetadataUri.SetPrefix).ToList())
        {
            MetadataRecord.Delete(native, now, uri);
        }
    }

    /// <summary>A record as if a snapshot of the disk had been taken; its data is free.</summary>
    private protected static SnapshotRecord Record(VmDomain domain, string method, XElement data, SetIdentity? set = null, string target = "vda")
    {
        var disk = domain.FindDisk(target)!;
        return new SnapshotRecord(target, method, disk.Source, data) { Set = set ?? Identity(domain), Image = disk.Source.ToString() };
    }

    private protected static SnapshotRecord RecordOf(VmDomain domain, string name = "one") =>
        SnapshotCatalog.Read(domain).Single(set => $"{set.Name}" == name).Disks[0].Record;

    /// <summary>The one run of the domain, as a journal names it.</summary>
    private protected static string? InstanceOf(VmDomain domain)
    {
        using var session = DomainSession.Open(Engine.Current, domain, Token);
        return session.Instance;
    }

    private protected static RepairResult? TryRepair(VmDomain domain)
    {
        using var plan = Engine.Current.PlanRepair(domain, null, new HeardReporter(), Token);
        return plan?.Run(Token);
    }

    /// <summary>Everything in folders: kinds, sizes, times and contents. What a test calls untouched has the same before and after.</summary>
    internal static string Evidence(params string[] folders) => string.Join('\n', folders.SelectMany(folder => new DirectoryInfo(folder)
        .EnumerateFileSystemInfos("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0, IgnoreInaccessible = false })
        .OrderBy(entry => entry.FullName, StringComparer.Ordinal)
        .Select(entry => Host.Stat(entry.FullName) is { } facts
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"{entry.FullName} {facts.Inode} {facts.Mode:x} {facts.Owner} {(facts.IsRegularFile ? $"{facts.Size} {entry.LastWriteTimeUtc:O} {ImageDigest.OfFile(entry.FullName)}" : entry.LinkTarget)}")
            : entry.FullName)));

    /// <summary>A domain with another name and no UUID of its own yet, as virt-clone, Terraform or an administrator defines it, records included.</summary>
    /// <param name="original">The domain.</param>
    /// <param name="name">The clone's name.</param>
    /// <param name="copiesImages">Whether its disks are full copies beside the originals; else they are the very same.</param>
    private protected DefinedDomain Clone(BareDomain original, string name, bool copiesImages)
    {
        var definition = XElement.Parse(Lab.Virsh("dumpxml", "--inactive", original.Name));
        definition.Element("name")!.Value = name;
        definition.Element("uuid")!.Remove();
        foreach (var disk in definition.Element("devices")!.Elements("disk").Where(_ => copiesImages))
        {
            var source = disk.Element("source")!.Attribute("file")!;
            var copy = Path.Combine(Path.GetDirectoryName(source.Value)!, $"{name}-{Path.GetFileName(source.Value)}");
            if (original.Domain.FindDisk((string)disk.Element("target")!.Attribute("dev")!) is { Format: "qcow2" } used
                && LabScript.RunProgram("qemu-img", "info", "-U", used.Source.Path!).Contains("backing file", StringComparison.Ordinal))
            {
                LabScript.RunProgram("qemu-img", "convert", "-U", "-O", "qcow2", source.Value, copy);
            }
            else
            {
                LabScript.RunProgram("cp", "--sparse=always", source.Value, copy);
            }

            source.Value = copy;
            disk.Element("backingStore")?.Remove();
        }

        return Keep(new DefinedDomain(Lab, name, definition));
    }
}
