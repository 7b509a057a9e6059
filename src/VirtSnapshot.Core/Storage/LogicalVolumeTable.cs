using System.Text.Json;

namespace VirtSnapshot.Storage;

/// <summary>The usable logical volumes of a host, without internal volumes and pools.</summary>
internal sealed class LogicalVolumeTable
{
    private readonly Dictionary<string, LogicalVolumeLayer> byNumber = new(StringComparer.Ordinal);

    /// <summary>Whether LVM was queried.</summary>
    public bool IsKnown { get; private init; }

    /// <param name="json">The output of <c>lvs --reportformat json --units b --nosuffix</c>; empty if LVM was not queried.</param>
    /// <exception cref="FormatException">It is not the output of lvs.</exception>
    public static LogicalVolumeTable Parse(string json)
    {
        if (json.Trim().Length == 0)
        {
            return new LogicalVolumeTable();
        }

        using var document = JsonText.Parse(json);
        var rows = JsonText.Items(document.RootElement, "report").SelectMany(report => JsonText.Items(report, "lv")).ToList();

        // A pool's usage is in the pool's own row. The percentage of a thin volume is the part of the volume that is allocated.
        var pools = rows
            .Where(row => JsonText.Text(row, "segtype") == "thin-pool")
            .DistinctBy(FullName)
            .ToDictionary(FullName, row => (Data: JsonText.Percent(row, "data_percent"), Metadata: JsonText.Percent(row, "metadata_percent")));
        var table = new LogicalVolumeTable { IsKnown = true };
        foreach (var row in rows)
        {
            // There is one row per segment; the first one is used. A volume without a path is a pool, one without a number is inactive.
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
        var usage = pools.GetValueOrDefault((group, pool));
        return new LogicalVolumeLayer(
            group,
            name,
            JsonText.Text(row, "lv_uuid"),
            JsonText.Text(row, "lv_path"),
            JsonText.Number(row, "lv_size") ?? 0,
            pool.Length == 0 ? null : pool,
            usage.Data,
            usage.Metadata,
            JsonText.Number(row, "vg_free") ?? 0,
            JsonText.Number(row, "vg_extent_size") ?? 0,
            type != "thin" && JsonText.Text(row, "origin").Length > 0 ? "snapshot" : type);
    }

    private static (string Group, string Name) FullName(JsonElement row) => (JsonText.Text(row, "vg_name"), JsonText.Text(row, "lv_name"));
}
