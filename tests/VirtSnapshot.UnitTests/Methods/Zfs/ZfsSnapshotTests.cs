using VirtSnapshot.Methods.Volumes;
using VirtSnapshot.Methods.Zfs;
using Xunit;

namespace VirtSnapshot.UnitTests.Methods.Zfs;

public class ZfsSnapshotTests
{
    private const string Label = "virtsnapshot-s-01234567";
    private static readonly Guid Set = Guid.Parse("01234567-89ab-cdef-0123-456789abcdef");
    private static readonly Volume Files = new("tank/v ms", "/srv/v ms");
    private static readonly Volume Device = new("tank/a/vol one", null);

    [Fact]
    public void A_dataset_is_read_in_its_own_folder()
    {
        var planned = ZfsSnapshot.Plan(Files, Label, Set, "/srv/v ms");
        Assert.Equal(($"tank/v ms@{Label}", $"/srv/v ms/.zfs/snapshot/{Label}", null), (planned.Name, planned.At, planned.CloneName));
        Assert.Equal(planned, ZfsSnapshot.Read(planned.ToSnapshot()));
    }

    [Fact]
    public void A_root_file_system_is_read_there_too()
    {
        var planned = ZfsSnapshot.Plan(new Volume("rpool", "/"), Label, Set, "/");
        Assert.Equal($"/.zfs/snapshot/{Label}", planned.At);
        Assert.Equal(planned, ZfsSnapshot.Read(planned.ToSnapshot()));
    }

    [Fact]
    public void A_zvol_has_a_clone_beside_it()
    {
        var planned = ZfsSnapshot.Plan(Device, Label, Set, null);
        Assert.Equal(($"tank/a/vol one@{Label}", $"tank/a/{Label}", $"/dev/zvol/tank/a/{Label}"), (planned.Name, planned.CloneName, planned.At));
        Assert.Equal(planned, ZfsSnapshot.Read(planned.ToSnapshot()));
    }

    [Fact]
    public void A_blank_is_a_plus_below_dev() =>
        Assert.Equal($"/dev/zvol/tank/v+ms/{Label}", ZfsSnapshot.Plan(new Volume("tank/v ms/d", null), Label, Set, null).At);

    /// <summary>Whoever may change the domain's metadata must not be able to have anything else destroyed.</summary>
    [Theory]
    [InlineData("tank/v ms")]
    [InlineData("tank/v ms@")]
    [InlineData("tank/v ms@daily")]
    [InlineData("tank/v ms@virtsnapshot-a%")]
    [InlineData("tank/v ms@virtsnapshot-a,daily")]
    [InlineData("tank/v ms@virtsnapshot-a@b")]
    [InlineData("tank/v ms@virtsnapshot-a\n")]
    [InlineData("tank/v ms#virtsnapshot-a")]
    [InlineData("tank/other@virtsnapshot-s-01234567")]
    [InlineData("-r@virtsnapshot-s-01234567")]
    [InlineData("")]
    public void A_record_of_anything_else_is_not_believed(string name) =>
        Refused(ZfsSnapshot.Plan(Files, Label, Set, "/srv/v ms").ToSnapshot() with { Name = name });

    [Theory]
    [InlineData("/srv/v ms")]
    [InlineData("srv/v ms/.zfs/snapshot/virtsnapshot-s-01234567")]
    [InlineData("/srv/v ms/.zfs/snapshot/virtsnapshot-other")]
    public void A_record_of_another_place_is_not_believed(string at) => Refused(ZfsSnapshot.Plan(Files, Label, Set, "/srv/v ms").ToSnapshot() with { At = at });

    [Theory]
    [InlineData("tank/a/vol two")]
    [InlineData("tank/a")]
    [InlineData(null)]
    public void A_record_of_another_clone_is_not_believed(string? clone)
    {
        var snapshot = ZfsSnapshot.Plan(Device, Label, Set, null).ToSnapshot();
        var details = new Dictionary<string, string>(snapshot.Details);
        details.Remove("clone");
        if (clone is not null)
        {
            details["clone"] = clone;
        }

        Refused(snapshot with { Details = details });
    }

    [Theory]
    [InlineData("local", true)]
    [InlineData("received", true)]
    [InlineData("inherited from tank", false)]
    [InlineData("-", false)]
    public void The_mark_counts_only_on_the_snapshot_itself(string source, bool isOurs) => Assert.Equal(
        isOurs,
        ZfsSnapshot.Plan(Device, Label, Set, null).IsOurs(new Dictionary<string, ZfsValue> { [ZfsSnapshot.Mark] = new($"{Set:D}", source) }));

    [Theory]
    [InlineData("tank", true)]
    [InlineData("tank/a b/c.d:e_f-g", true)]
    [InlineData("-tank", false)]
    [InlineData("1tank", false)]
    [InlineData("tank//a", false)]
    [InlineData("tank/", false)]
    [InlineData("tank/a@b", false)]
    [InlineData("tank/a\tb", false)]
    [InlineData("tank/ä", false)]
    [InlineData("tank/$(reboot)", false)]
    [InlineData("", false)]
    public void A_datasets_name_is_what_ZFS_allows(string name, bool isName) => Assert.Equal(isName, ZfsName.IsDataset(name));

    private static void Refused(VolumeSnapshot snapshot) =>
        Assert.Equal("SnapshotNotOurs", Assert.Throws<VirtSnapshotException>(() => ZfsSnapshot.Read(snapshot)).ErrorId);
}
