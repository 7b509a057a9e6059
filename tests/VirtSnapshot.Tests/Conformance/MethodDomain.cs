using VirtSnapshot.Domains;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;

namespace VirtSnapshot.Tests.Conformance;

/// <summary>A domain whose disks lie on a method's storage, and the ways of a test to write and read there.</summary>
internal abstract class MethodDomain
{
    public abstract string Uri { get; }

    public abstract string Name { get; }

    /// <summary>The domain as it is now.</summary>
    public abstract VmDomain Domain { get; }

    public IReadOnlyList<DiskSnapshot> Snapshots => [.. Engine.List(Domain).OrderBy(snapshot => snapshot.Disk, StringComparer.Ordinal)];

    public IReadOnlyList<DiskSnapshot> Named(string name) => [.. Snapshots.Where(snapshot => snapshot.Name == name)];

    /// <summary>Writes to every disk: in one place over what was there, in another beside it.</summary>
    public abstract void Write(byte content);

    /// <summary>What each disk holds. Only while the domain is shut off.</summary>
    public string[] ReadDisks() => Read([.. Domain.Disks.Select(disk => disk.Source)]);

    public string[] Read(IEnumerable<DiskSnapshot> snapshots) => Read([.. snapshots.Select(snapshot => snapshot.BackupSource)]);

    /// <summary>A digest of the whole content of each, as a backup would read it.</summary>
    protected abstract string[] Read(IReadOnlyList<DiskSource> sources);

    /// <summary>Everything on the storage that a snapshot could have left there.</summary>
    public abstract IReadOnlyList<string> Storage();

    /// <summary>As <see cref="Storage"/>, with all content: what is called untouched has the same before and after.</summary>
    public virtual string Evidence() => string.Join('\n', Storage());

    /// <summary>Has another process read a snapshot until the result is disposed of.</summary>
    public abstract IDisposable Open(DiskSnapshot snapshot);

    /// <summary>Deletes a snapshot's data with the storage's own tools.</summary>
    public abstract void Destroy(DiskSnapshot snapshot);

    public string Virsh(params string[] arguments) => LabScript.RunProgram("virsh", ["-q", "-c", Uri, .. arguments]);
}
