using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Lvm;

/// <summary>A logical volume, as <c>lvs</c> shows it now.</summary>
/// <param name="Name">Its name within its group.</param>
/// <param name="Uuid">LVM's identity of it, which outlives renaming.</param>
/// <param name="Attributes">The ten letters of <c>lv_attr</c>, see lvs(8).</param>
/// <param name="Tags">Its tags.</param>
/// <param name="OriginUuid">What it is a snapshot of; empty where it is none.</param>
/// <param name="Fill">How full a thick snapshot is, or a thin pool's data, in percent.</param>
/// <param name="MetadataFill">How full a thin pool's metadata is, in percent.</param>
internal sealed record LogicalVolume(string Name, string Uuid, string Attributes, IReadOnlyList<string> Tags, string OriginUuid, double? Fill, double? MetadataFill)
{
    /// <summary>What <see cref="Read"/> wants to be asked for.</summary>
    public const string Fields = "lv_name,lv_uuid,lv_attr,lv_tags,origin_uuid,data_percent,metadata_percent";

    private const int TypeLetter = 0;
    private const int PermissionLetter = 1;
    private const int StateLetter = 4;
    private const int OpenLetter = 5;
    private const int HealthLetter = 8;

    public bool IsActive => Attributes[StateLetter] is 'a' or 's';

    public bool IsOpen => Attributes[OpenLetter] == 'o';

    public bool IsReadOnly => Attributes[PermissionLetter] == 'r';

    public bool IsThin => Attributes[TypeLetter] == 'V';

    /// <summary>An old state is just being poured into it.</summary>
    public bool IsMerging => Attributes[TypeLetter] is 'O' or 'S';

    /// <summary>More was written than the snapshot holds, or merging failed, or its pool did.</summary>
    public bool IsBroken => Attributes[StateLetter] is 'I' or 'S' or 'm' or 'M' || Attributes[HealthLetter] == 'F' || (!IsThin && Fill >= 100);

    /// <exception cref="FormatException">It is not what lvs prints.</exception>
    public static IReadOnlyList<LogicalVolume> Read(string json)
    {
        using var document = JsonText.Parse(json);
        return
        [
            .. JsonText.Items(document.RootElement, "report").SelectMany(report => JsonText.Items(report, "lv")).Select(row =>
            {
                var attributes = JsonText.Text(row, "lv_attr");
                return new LogicalVolume(
                    JsonText.Text(row, "lv_name"),
                    JsonText.Text(row, "lv_uuid"),
                    attributes.Length > HealthLetter ? attributes : throw new FormatException($"'{attributes}' is no lv_attr."),
                    JsonText.Text(row, "lv_tags").Split(',', StringSplitOptions.RemoveEmptyEntries),
                    JsonText.Text(row, "origin_uuid"),
                    JsonText.Percent(row, "data_percent"),
                    JsonText.Percent(row, "metadata_percent"));
            }),
        ];
    }
}
