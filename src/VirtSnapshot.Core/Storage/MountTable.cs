namespace VirtSnapshot.Storage;

/// <summary>The mounts of a host.</summary>
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

    /// <param name="text">The content of <c>/proc/self/mountinfo</c>.</param>
    public static MountTable Parse(string text) => new([.. text.Split('\n').Select(Mount.Parse).OfType<Mount>()]);

    /// <summary>
    /// The mount that contains a path without links. It is resolved as in the kernel: a longer mount point does not match if its folder is covered by
    /// another mount.
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

    /// <summary>Another mount of the same file system that contains a given folder, and that is not covered there.</summary>
    /// <param name="mount">A mount.</param>
    /// <param name="inside">A file's path within the file system.</param>
    /// <param name="folder">The folder that the mount must contain, as a path within the file system. The file is below it.</param>
    public Mount? Showing(Mount mount, string inside, string folder) => byDevice[mount.Device].FirstOrDefault(other =>
        other.FileSystem == mount.FileSystem
        && HostPath.IsAtOrBelow(folder, other.Root)
        && Find(other.Outside(inside)) == other);
}
