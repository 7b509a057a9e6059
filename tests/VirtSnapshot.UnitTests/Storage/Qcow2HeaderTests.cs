using System.Buffers.Binary;
using VirtSnapshot.Hosts;
using VirtSnapshot.Storage;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.UnitTests.Storage;

public sealed class Qcow2HeaderTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("vs-qcow2-").FullName;

    private string Image => Path.Combine(folder, "image.qcow2");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("64K", 64UL << 10)]
    [InlineData("1M", 1UL << 20)]
    [InlineData("10G", 10UL << 30)]
    [InlineData("1T", 1UL << 40)]
    [InlineData("8T", 8UL << 40)]
    [InlineData("60T", 60UL << 40)]
    public void An_empty_image_is_read_as_qemu_img_made_it(string size, ulong bytes)
    {
        QemuImg("create", "-f", "qcow2", Image, size);
        AssertHeader(bytes, null, null);
    }

    [Theory]
    [InlineData("compat=0.10")]
    [InlineData("compat=1.1")]
    [InlineData("compat=1.1,lazy_refcounts=on")]
    [InlineData("cluster_size=4096")]
    [InlineData("cluster_size=2M")]
    [InlineData("extended_l2=on")]
    public void Every_flavour_names_its_backing_file_and_tells_when_data_comes(string options)
    {
        var backing = Path.Combine(folder, "basé.raw");
        QemuImg("create", "-f", "raw", backing, "64M");
        QemuImg("create", "-f", "qcow2", "-o", options, "-b", backing, "-F", "raw", Image);
        AssertHeader(64 << 20, backing, "raw");

        LabScript.RunProgram("qemu-io", "-f", "qcow2", "-c", "write -P 1 63M 512", Image);
        Assert.True(Read()!.HoldsData);
    }

    [Fact]
    public void A_backing_file_without_a_format_and_a_relative_one_are_read_as_they_stand()
    {
        QemuImg("create", "-f", "qcow2", Path.Combine(folder, "base.qcow2"), "1M");
        QemuImg("create", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", Image);
        Assert.Equal(("base.qcow2", "qcow2"), (Read()!.BackingFile, Read()!.BackingFormat));

        // qemu-img no longer makes one without a format, but older ones have: the extension becomes an unknown one.
        var head = File.ReadAllBytes(Image);
        head.AsSpan().Slice(head.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xE2, 0x79, 0x2A, 0xCA]), 4).Fill(1);
        Assert.Equal(("base.qcow2", null), (Qcow2Header.Parse(head)!.BackingFile, Qcow2Header.Parse(head)!.BackingFormat));
    }

    [Fact]
    public void A_backing_file_may_be_no_path_at_all()
    {
        QemuImg("create", "-u", "-f", "qcow2", "-b", "nbd:localhost:10809", "-F", "raw", Image, "1M");
        Assert.Equal("nbd:localhost:10809", Read()!.BackingFile);
    }

    [Fact]
    public void Preallocated_clusters_count_as_data()
    {
        QemuImg("create", "-f", "qcow2", "-o", "preallocation=metadata", Image, "1M");
        Assert.True(Read()!.HoldsData);
    }

    [Fact]
    public void An_image_that_is_cut_off_before_its_table_counts_as_holding_data()
    {
        QemuImg("create", "-f", "qcow2", Image, "1M");
        LabScript.RunProgram("truncate", "-s", "128K", Image);
        Assert.True(Read()!.HoldsData);
    }

    [Theory]
    [InlineData("")]
    [InlineData("QFI")]
    [InlineData("#!/bin/sh")]
    public void What_is_not_qcow2_is_not_taken_for_it(string text)
    {
        File.WriteAllText(Image, text.PadRight(200));
        Assert.Null(Read());
    }

    [Theory]
    [InlineData(4, 0x00000001u, "version 1")]
    [InlineData(16, 0xFFFFFFFFu, "backing length")]
    public void A_header_with_impossible_numbers_is_refused(int at, uint value, string what)
    {
        QemuImg("create", "-f", "qcow2", Image, "1M");
        var head = File.ReadAllBytes(Image);
        BinaryPrimitives.WriteUInt32BigEndian(head.AsSpan(at), value);
        Assert.True(Qcow2Header.Parse(head) is null, what);
    }

    [Fact]
    public void No_number_in_a_header_can_make_reading_it_fail()
    {
        QemuImg("create", "-f", "qcow2", "-b", "x", "-F", "raw", "-u", Image, "1M");
        var good = File.ReadAllBytes(Image);
        for (var at = 4; at < 112; at += 4)
        {
            foreach (var value in new uint[] { 0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF8, 0xFFFFFFFF })
            {
                var head = good.ToArray();
                BinaryPrimitives.WriteUInt32BigEndian(head.AsSpan(at), value);
                _ = Qcow2Header.Parse(head);
                Assert.InRange(Qcow2Header.LengthWithTable(head), head.Length, 64 << 20);
                BinaryPrimitives.WriteUInt32BigEndian(head.AsSpan(at + 4), value);
                _ = Qcow2Header.Parse(head);
                Assert.InRange(Qcow2Header.LengthWithTable(head), head.Length, 64 << 20);
            }
        }

        for (var length = 0; length < 120; length++)
        {
            _ = Qcow2Header.Parse(good.AsSpan(0, length));
        }
    }

    [Fact]
    public void Folders_pipes_and_links_to_nothing_have_no_header()
    {
        var host = new LocalHost("test:///default");
        File.CreateSymbolicLink(Image, Path.Combine(folder, "nothing"));
        LabScript.RunProgram("mkfifo", Path.Combine(folder, "pipe"));
        Assert.Null(ImageChain.ReadHeader(host, folder));
        Assert.Null(ImageChain.ReadHeader(host, Image));
        Assert.Null(ImageChain.ReadHeader(host, Path.Combine(folder, "pipe")));
    }

    [Theory]
    [InlineData("/i/a.qcow2", null, null)]
    [InlineData("/i/a.qcow2", "b.qcow2", "/i/b.qcow2")]
    [InlineData("/i/a.qcow2", "../b.qcow2", "/b.qcow2")]
    [InlineData("/i/a.qcow2", "/c:d/b.qcow2", "/c:d/b.qcow2")]
    [InlineData("/i/a.qcow2", "nbd:localhost:1", null)]
    [InlineData("/i/a.qcow2", "json:{\"driver\":\"nbd\"}", null)]
    public void A_backing_file_s_name_leads_to_a_path_or_to_none(string image, string? backingFile, string? path) =>
        Assert.Equal(path, ImageChain.Resolve(image, backingFile));

    private static void QemuImg(string command, params string[] arguments) => LabScript.RunProgram("qemu-img", [command, "-q", .. arguments]);

    private void AssertHeader(ulong size, string? backingFile, string? backingFormat)
    {
        var header = Read()!;
        Assert.Equal((size, backingFile, backingFormat, false), (header.VirtualSize, header.BackingFile, header.BackingFormat, header.HoldsData));
    }

    private Qcow2Header? Read() => ImageChain.ReadHeader(new LocalHost("test:///default"), Image, withTable: true);
}
