using VirtSnapshot.Methods.Volumes;
using Xunit;

namespace VirtSnapshot.UnitTests.Methods.Volumes;

public class SnapshotSizeTests
{
    private const long MiB = 1 << 20;
    private const long GiB = 1 << 30;

    [Theory]
    [InlineData("20%", 2 * GiB)]
    [InlineData("12.5%", 10 * GiB / 8)]
    [InlineData("100%", 10 * GiB)]
    [InlineData("4096", 4096)]
    [InlineData(" 512M ", 512 * MiB)]
    [InlineData("512MiB", 512 * MiB)]
    [InlineData("512 mb", 512 * MiB)]
    [InlineData("1.5g", (3 * GiB) / 2)]
    [InlineData("64k", 65536)]
    [InlineData("2TiB", 2048 * GiB)]
    public void A_size_is_bytes_or_a_part_of_the_origin(string text, long bytes) => Assert.Equal(bytes, SnapshotSize.Parse(text, 10 * GiB));

    [Theory]
    [InlineData("")]
    [InlineData("%")]
    [InlineData("0")]
    [InlineData("0%")]
    [InlineData("-1M")]
    [InlineData("1e3")]
    [InlineData("20 percent")]
    [InlineData("999999999999999P")]
    [InlineData("1M; reboot")]
    [InlineData("٣M")]
    public void Anything_else_is_no_size(string text) => Assert.Null(SnapshotSize.Parse(text, 10 * GiB));

    [Theory]
    [InlineData("4K", 4096L)]
    [InlineData("64KiB", 65536L)]
    [InlineData("524288", 524288L)]
    [InlineData("2K", null)]
    [InlineData("1M", null)]
    [InlineData("5000", null)]
    public void A_chunk_is_a_power_of_two_from_4K_to_512K(string text, long? bytes) => Assert.Equal(bytes, SnapshotSize.ParseChunk(text));

    [Fact]
    public void The_default_is_a_fifth_and_never_tiny()
    {
        Assert.Equal(20 * GiB / 5, SnapshotSize.Default(20 * GiB));
        Assert.Equal(64 * MiB, SnapshotSize.Default(100 * MiB));
    }

    [Fact]
    public void Extents_are_whole_and_no_more_than_can_ever_be_filled()
    {
        Assert.Equal(3, SnapshotSize.Extents((8 * MiB) + 1, GiB, 4096, 4 * MiB));

        // LVM's own limit for this origin: "Reducing COW size 2.00 GiB down to maximum usable size 1.01 GiB".
        Assert.Equal(258, SnapshotSize.Extents(2 * GiB, GiB, 4096, 4 * MiB));
    }
}
