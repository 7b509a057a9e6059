using System.Text;
using System.Xml;

namespace VirtSnapshot.Storage;

/// <summary>Absolute paths of a host without links, dots or double slashes. They are compared by components.</summary>
internal static class HostPath
{
    // Linux's NAME_MAX, and PATH_MAX without the final NUL.
    private const int LongestName = 255;
    private const int LongestPath = 4095;

    /// <summary>
    /// Whether a file can have this path, and the path can be used in libvirt's XML: no component is too long for Linux, and all characters are valid in
    /// XML. A name that comes from guest data may be neither.
    /// </summary>
    public static bool CanExist(string path) =>
        IsText(path)
        && Encoding.UTF8.GetByteCount(path) <= LongestPath
        && Array.TrueForAll(path.Split('/'), name => name.Length <= LongestName && Encoding.UTF8.GetByteCount(name) <= LongestName);

    private static bool IsText(string path)
    {
        for (var i = 0; i < path.Length; i++)
        {
            if (i + 1 < path.Length && XmlConvert.IsXmlSurrogatePair(path[i + 1], path[i]))
            {
                i++;
            }
            else if (!XmlConvert.IsXmlChar(path[i]))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether it is such a path, and not the root.</summary>
    public static bool IsPlain(string path) => path.Length > 1 && path[0] == '/' && Path.GetFullPath(path) == path && !path.EndsWith('/');

    public static bool IsAtOrBelow(string path, string folder) =>
        path == folder || folder == "/" || (path.StartsWith(folder, StringComparison.Ordinal) && path[folder.Length] == '/');

    /// <summary>The part of a path after the folder; empty for the folder itself.</summary>
    public static string Below(string path, string folder) => path[Math.Min(path.Length, folder == "/" ? 1 : folder.Length + 1)..];

    public static string Join(string folder, string below) => below.Length == 0 ? folder : folder == "/" ? "/" + below : $"{folder}/{below}";

    /// <summary>The parent folders of a path, the innermost first.</summary>
    public static IEnumerable<string> FoldersOf(string path)
    {
        for (var end = path.LastIndexOf('/'); end > 0; end = path.LastIndexOf('/', end - 1))
        {
            yield return path[..end];
        }

        yield return "/";
    }
}
