using System.Text;
using VirtSnapshot.Hosts;
using Xunit;

namespace VirtSnapshot.UnitTests.Hosts;

public sealed class FileQueryResultTests
{
    private const string BootId = "3d0f0c5e-2f43-4f4d-9c6b-2a6a3a1f7f01\n";

    [Fact]
    public void Each_file_has_its_own_first_bytes_whatever_stands_in_it()
    {
        const string strange = "x\0h\0i\0/b\0\n==> /b <==\n3d0f0c5e-2f43-4f4d-9c6b-2a6a3a1f7f01";
        var heads = Heads(("/a", strange), ("/b", "abc"), ("/d", Full), ("/empty", ""));
        var looks = Parse(["/a", "/b", "/d", "/empty"], File("/a", strange.Length), File("/b", 3), Device("/d"), File("/empty", 0), heads);
        Assert.Equal([strange, "abc", Full, ""], Shown(looks));
    }

    [Fact]
    public void What_was_not_read_to_its_end_has_no_first_bytes_and_takes_none_from_others()
    {
        const string folder = "i\0/folder\00 1 41ed 0 0 4096 0 0\0w\0/folder\01\0d\0/folder\07 512\0";
        var heads = Heads(("/a", ""), ("/half", "abc"), ("/b", Full), ("/device", ""), ("/short", "abc"));
        var looks = Parse(
            ["/a", "/half", "/b", "/gone", "/device", "/short", "/folder"],
            File("/a", 5), File("/half", 5), File("/b"), Device("/device"), Device("/short"), folder, heads);
        Assert.Equal([null, null, Full, null, null, null, null], Shown(looks));
        Assert.Equal((true, 7 * 512L), (looks["/folder"].IsWritable, looks["/folder"].FreeBytes));
    }

    [Theory]
    [InlineData("")]
    [InlineData("3d0f0c5e")]
    [InlineData(BootId)]
    [InlineData(BootId + "abc" + BootId)]
    [InlineData(BootId + "abc" + BootId + "abc")]
    [InlineData(BootId + "abc" + BootId + "abc" + BootId + "x")]
    [InlineData(BootId + "abc" + BootId + "abc" + BootId + "abc" + BootId)]
    public void Malformed_heads_are_rejected(string output) =>
        Assert.Equal([null, null], Shown(Parse(["/a", "/b"], File("/a", 3), File("/b", 3), $"r\0/a\0\0r\0/b\0\0h\0{output}")));

    [Fact]
    public void Words_that_are_cut_off_tell_nothing()
    {
        var look = Parse(["/a"], "i\0/a\0")["/a"];
        Assert.Equal((false, false, null), (look.IsEntryKnown, look.IsTargetKnown, look.Head));
    }

    private static string Full => new('x', FileQueryResult.HeadLength);

    private static string File(string path, int size = 5000) => $"i\0{path}\00 1 8180 0 0 {size} 0 0\0";

    private static string Device(string path) => $"i\0{path}\00 1 6180 0 0 0 fd 1\0";

    private static string Heads(params (string Path, string Content)[] files) =>
        "e\0i\00\0" + string.Concat(files.Select(file => $"r\0{file.Path}\0\0"))
        + "h\0" + BootId + string.Concat(files.Select(file => file.Content + BootId));

    private static IEnumerable<string?> Shown(IReadOnlyDictionary<string, FileQueryResult> looks) =>
        looks.Values.Select(look => look.Head is { } head ? Encoding.ASCII.GetString(head) : null);

    private static IReadOnlyDictionary<string, FileQueryResult> Parse(string[] paths, params string[] output) =>
        FileQueryResult.Parse(Encoding.UTF8.GetBytes(string.Concat(output)), paths);
}
