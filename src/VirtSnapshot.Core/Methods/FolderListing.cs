namespace VirtSnapshot.Methods;

/// <summary>The files in folders of one host, each folder read once; and the folders in which its libvirt keeps images.</summary>
internal sealed class FolderListing
{
    private readonly Dictionary<string, IReadOnlyList<string>> files = new(StringComparer.Ordinal);
    private IReadOnlyList<string>? pools;

    public IReadOnlyList<string> PoolFolders(RecordOrder order) => pools ??= ImageUse.ReadPoolFolders(order.Native.Connection);

    public IReadOnlyList<string> FilesIn(RecordOrder order, string folder)
    {
        if (!files.TryGetValue(folder, out var found))
        {
            files.Add(folder, found = order.Host.ListFiles(folder));
        }

        return found;
    }
}
