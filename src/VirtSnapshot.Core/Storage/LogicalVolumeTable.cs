using System.Text.Json;

namespace VirtSnapshot.Storage;

/// <summary>The logical volumes of a host that can be used: no parts of others, and no pools.</summary>
internal sealed class LogicalVolumeTable
{
    private readonly Dictionary<string, LogicalVolumeLayer> byNumber = new(StringComparer.Ordinal);

    /// <summary>Whether LVM was asked at all.</summary>
    public bool IsKnown { get; private init; }

    /// <param name="json">Of <c>lvs --reportformat json --units b --nosuffix</c>; empty where it was not asked.</param>
    /// <exception cref="FormatException">It is not what lvs prints.</exception>
    public static LogicalVolumeTable Parse(string json)
    {
        if (json.Trim().Length == 0)
        {
            return new LogicalVolumeTable();
        }

        using var document = JsonText.Parse(json);
        var rows = JsonText.Items(document.RootElement, "report").SelectMany(report => JsonText.Items(report, "lv")).ToList();

        // How full a pool is, is told of the pool alone: a thin volume's own percentage is how much of itself it has ever used.
        var pools = rows
            .Where(row => JsonText.Text(row, "segtype") == "thin-pool")
            .DistinctBy(FullName)
            .ToDictionary(FullName, row => (Data: JsonText.Percent(row, "data_percent"), Metadata: JsonText.Percent(row, "metadata_percent")));
        var table = new LogicalVolumeTable { IsKnown = true };
        foreach (var row in rows)
        {
            // One row for each segment; the first tells. What has no path is a pool; what has no number is not active.
            if (JsonText.Text(row, "lv_path").Length > 0 && JsonText.Text(row, "lv_kernel_major") is { } major and not ("" or "-1"))
            {
                table.byNumber.TryAdd($"{major}:{JsonText.Text(row, "lv_kernel_minor")}", Read(row, pools));
            }
        }

        return table;
    }

    public LogicalVolumeLayer? Find(string number) => byNumber.GetValueOrDefault(number);

    private static LogicalVolumeLayer Read(JsonElement row, Dictionary<(string Group, string Name), (double? Data, double? Metadata)> pools)
    {
        var (group, name) = FullName(row);
        var type = JsonText.Text(row, "segtype");
        var pool = type == "thin" ? JsonText.Text(row, "pool_lv") : "";
        var fill = pools.GetValueOrDefault((group, pool));
        return new LogicalVolumeLayer(
            group,
            name,
            JsonText.Text(row, "lv_uuid"),
            JsonText.Text(row, "lv_path"),
            JsonText.Number(row, "lv_size") ?? 0,
            pool.Length == 0 ? null : pool,
            fill.Data,
            fill.Metadata,
            JsonText.Number(row, "vg_free") ?? 0,
            JsonText.Number(row, "vg_extent_size") ?? 0,
            type != "thin" && JsonText.Text(row, "origin").Length > 0 ? "snapshot" : type);
    }

    private static (string Group, string Name) FullName(JsonElement row) => (JsonText.Text(row, "vg_name"), JsonText.Text(row, "lv_name"));
}
