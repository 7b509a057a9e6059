namespace VirtSnapshot.Methods;

/// <summary>The files in folders of one host, each folder read once; and the folders in which its libvirt keeps images.</summary>
internal sealed class FolderListing
{
    private readonly Dictionary<string, IReadOnlyList<string>> files = new(StringComparer.Ordinal);
    private IReadOnlyList<string>? pools;

    public IReadOnlyList<string> PoolFolders(MethodRequest request) => pools ??= ImageUse.ReadPoolFolders(request.Native.Connection);

    public IReadOnlyList<string> FilesIn(MethodRequest request, string folder)
    {
        if (!files.TryGetValue(folder, out var found))
        {
            files.Add(folder, found = request.Host.ListFiles(folder));
        }

        return found;
    }
}
