using VirtSnapshot.Storage;

namespace VirtSnapshot.Methods.Lvm;

/// <summary>A logical volume, as printed by <c>lvs</c>.</summary>
/// <param name="Name">Its name within its group.</param>
/// <param name="Uuid">Its UUID, which a renaming does not change.</param>
/// <param name="Attributes">The ten letters of <c>lv_attr</c>, see lvs(8).</param>
/// <param name="Tags">Its tags.</param>
/// <param name="OriginUuid">The UUID of a snapshot's origin; empty for other volumes.</param>
/// <param name="Usage">Usage of a thick snapshot's COW space, or of a thin pool's data, in percent.</param>
/// <param name="MetadataUsage">Usage of a thin pool's metadata in percent.</param>
internal sealed record LogicalVolume(
    string Name,
    string Uuid,
    string Attributes,
    IReadOnlyList<string> Tags,
    string OriginUuid,
    double? Usage,
    double? MetadataUsage)
{
    /// <summary>The fields that <see cref="Read"/> needs.</summary>
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

    /// <summary>Whether a snapshot is being merged into it.</summary>
    public bool IsMerging => Attributes[TypeLetter] is 'O' or 'S';

    /// <summary>Whether the snapshot has overflowed, its merge has failed, or its pool has failed.</summary>
    public bool IsBroken => Attributes[StateLetter] is 'I' or 'S' or 'm' or 'M' || Attributes[HealthLetter] == 'F' || (!IsThin && Usage >= 100);

    /// <exception cref="FormatException">It is not output of lvs.</exception>
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
                    attributes.Length > HealthLetter ? attributes : throw new FormatException($"'{attributes}' is not a valid lv_attr."),
                    JsonText.Text(row, "lv_tags").Split(',', StringSplitOptions.RemoveEmptyEntries),
                    JsonText.Text(row, "origin_uuid"),
                    JsonText.Percent(row, "data_percent"),
                    JsonText.Percent(row, "metadata_percent"));
            }),
        ];
    }
}
