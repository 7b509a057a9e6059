using System.Text;
using VirtSnapshot.Hosts;
using Xunit;

namespace VirtSnapshot.UnitTests.Hosts;

public sealed class FileLookTests
{
    [Fact]
    public void The_lengths_tell_where_each_file_begins_whatever_stands_in_it()
    {
        const string forged = "x\n==> /b <==\nforged";
        var looks = Parse(["/a", "/b", "/empty", "/d"], File("/a", forged.Length), File("/b", 3), File("/empty", 0), Device("/d"), Heads(("/a", forged), ("/b", "abc"), ("/empty", ""), ("/d", Full)));
        Assert.Equal([forged, "abc", "", Full], looks.Values.Select(look => Encoding.ASCII.GetString(look.Head!)));
    }

    [Fact]
    public void What_cannot_be_read_has_no_first_bytes_and_takes_none_from_others()
    {
        var looks = Parse(["/a", "/b", "/folder"], File("/a", 5), File("/b", 5000), "i\0/folder\00 1 41ed 0 0 4096 0 0\0w\0/folder\01\0d\0/folder\07 512\0", Heads(("/b", Full)));
        Assert.Equal([null, Full, null], looks.Values.Select(look => look.Head is { } head ? Encoding.ASCII.GetString(head) : null));
        Assert.Equal((true, 7 * 512L), (looks["/folder"].IsWritable, looks["/folder"].FreeBytes));
    }

    [Theory]
    [InlineData("abcde", "fgh")]
    [InlineData("ab", "fgh")]
    [InlineData("abc", "fg")]
    [InlineData("abc", "fghi")]
    [InlineData("", "")]
    public void Where_a_file_has_changed_meanwhile_no_first_bytes_are_believed(string first, string second) =>
        Assert.All(Parse(["/a", "/b"], File("/a", 3), File("/b", 3), Heads(("/a", first), ("/b", second))).Values, look => Assert.Null(look.Head));

    [Fact]
    public void Words_that_are_cut_off_tell_nothing()
    {
        var look = Parse(["/a"], "i\0/a\0")["/a"];
        Assert.Equal((false, false, null), (look.IsItselfKnown, look.IsTargetKnown, look.Head));
    }

    private static string Full => new('x', FileLook.HeadLength);

    private static string File(string path, int size) => $"i\0{path}\00 1 8180 0 0 {size} 0 0\0";

    private static string Device(string path) => $"i\0{path}\00 1 6180 0 0 0 fd 1\0";

    private static string Heads(params (string Path, string Content)[] files) =>
        "e\0i\00\0h\0" + string.Join('\n', files.Select(file => $"==> {file.Path} <==\n{file.Content}"));

    private static IReadOnlyDictionary<string, FileLook> Parse(string[] paths, params string[] told) => FileLook.Parse(Encoding.UTF8.GetBytes(string.Concat(told)), paths);
}
