using System.Text;
using System.Xml;

namespace VirtSnapshot.Storage;

/// <summary>Absolute paths of a host with no links, dots or doubled slashes in them: compared part by part.</summary>
internal static class HostPath
{
    // Linux's NAME_MAX, and PATH_MAX without the NUL at its end.
    private const int LongestName = 255;
    private const int LongestPath = 4095;

    /// <summary>
    /// Whether a file could have that path, and libvirt could name it: no part of it is longer than Linux allows, and it is text that XML can hold. A name
    /// that a guest has written need not be.
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

    /// <summary>Whether it is such a path, of something in a folder.</summary>
    public static bool IsPlain(string path) => path.Length > 1 && path[0] == '/' && Path.GetFullPath(path) == path && !path.EndsWith('/');

    public static bool IsAtOrBelow(string path, string folder) =>
        path == folder || folder == "/" || (path.StartsWith(folder, StringComparison.Ordinal) && path[folder.Length] == '/');

    /// <summary>What follows the folder in a path at or below it; empty for the folder itself.</summary>
    public static string Below(string path, string folder) => path[Math.Min(path.Length, folder == "/" ? 1 : folder.Length + 1)..];

    public static string Join(string folder, string below) => below.Length == 0 ? folder : folder == "/" ? "/" + below : $"{folder}/{below}";

    /// <summary>The folders that a path lies in, the innermost first.</summary>
    public static IEnumerable<string> FoldersOf(string path)
    {
        for (var end = path.LastIndexOf('/'); end > 0; end = path.LastIndexOf('/', end - 1))
        {
            yield return path[..end];
        }

        yield return "/";
    }
}
