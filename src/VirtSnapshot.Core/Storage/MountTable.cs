namespace VirtSnapshot.Storage;

/// <summary>What is mounted where on a host.</summary>
internal sealed class MountTable
{
    private readonly ILookup<int, Mount> children;
    private readonly ILookup<string, Mount> byDevice;
    private readonly Mount? root;

    private MountTable(IReadOnlyList<Mount> mounts)
    {
        var known = mounts.Select(mount => mount.Id).ToHashSet();
        root = mounts.FirstOrDefault(mount => mount.Point == "/" && (mount.Parent == mount.Id || !known.Contains(mount.Parent)));
        children = mounts.Where(mount => mount != root).ToLookup(mount => mount.Parent);
        byDevice = mounts.ToLookup(mount => mount.Device);
    }

    /// <param name="text">As <c>/proc/self/mountinfo</c> has it.</param>
    public static MountTable Parse(string text) => new([.. text.Split('\n').Select(Mount.Parse).OfType<Mount>()]);

    /// <summary>
    /// The mount that a path without links lies in. As the kernel walks there: a longer mount point does not win where something has been mounted
    /// over the folder it is in.
    /// </summary>
    public Mount? Find(string path)
    {
        var walked = new HashSet<int>();
        var mount = root;
        while (mount is not null && walked.Add(mount.Id))
        {
            var next = children[mount.Id]
                .Where(child => HostPath.IsAtOrBelow(path, child.Point))
                .Aggregate((Mount?)null, (found, child) => found is null || child.Point.Length <= found.Point.Length ? child : found);
            if (next is null)
            {
                break;
            }

            mount = next;
        }

        return mount;
    }

    /// <summary>Another mount of the same file system that also shows a given folder of it, and is not hidden there.</summary>
    /// <param name="mount">A mount.</param>
    /// <param name="inside">A file's path within the file system.</param>
    /// <param name="folder">The folder that must be seen, as a path within the file system: the file lies below it.</param>
    public Mount? Showing(Mount mount, string inside, string folder) => byDevice[mount.Device].FirstOrDefault(other =>
        other.FileSystem == mount.FileSystem
        && HostPath.IsAtOrBelow(folder, other.Root)
        && Find(other.Outside(inside)) == other);
}
