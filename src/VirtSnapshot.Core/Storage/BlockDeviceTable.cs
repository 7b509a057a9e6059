using System.Text.Json;

namespace VirtSnapshot.Storage;

/// <summary>The block devices of a host, and their dependencies.</summary>
internal sealed class BlockDeviceTable
{
    private readonly Dictionary<string, BlockDevice> byNumber = new(StringComparer.Ordinal);
    private readonly Dictionary<string, BlockDevice> byPath = new(StringComparer.Ordinal);

    /// <param name="json">The output of <c>lsblk -J -b</c>; empty if lsblk is not installed.</param>
    /// <exception cref="FormatException">It is not the output of lsblk.</exception>
    public static BlockDeviceTable Parse(string json)
    {
        var table = new BlockDeviceTable();
        if (json.Trim().Length == 0)
        {
            return table;
        }

        using var document = JsonText.Parse(json);
        foreach (var device in JsonText.Items(document.RootElement, "blockdevices"))
        {
            table.Add(device, null);
        }

        return table;
    }

    public BlockDevice? FindByNumber(string number) => byNumber.GetValueOrDefault(number);

    /// <param name="path">A path below <c>/dev</c>, with either name.</param>
    public BlockDevice? FindByPath(string path) => byPath.GetValueOrDefault(path);

    private void Add(JsonElement item, BlockDevice? below)
    {
        var number = JsonText.Text(item, "maj:min").Trim();
        if (!byNumber.TryGetValue(number, out var device))
        {
            // Kernel names have '!' instead of a slash. Device mapper numbers change at every boot.
            var kernelName = JsonText.Text(item, "kname").Replace('!', '/');
            var name = kernelName.StartsWith("dm-", StringComparison.Ordinal) ? $"mapper/{JsonText.Text(item, "name")}" : kernelName;
            device = new BlockDevice(number, kernelName, $"/dev/{name}", JsonText.Text(item, "type"), JsonText.Number(item, "size") ?? 0);
            byNumber.Add(number, device);
            byPath[$"/dev/{kernelName}"] = device;
            byPath[device.Path] = device;
        }

        // A device with several underlying devices is listed below each of them. A cyclic dependency in the output is ignored.
        if (below is not null && !device.Below.Contains(below) && !below.DependsOn(device))
        {
            device.Below.Add(below);
        }

        foreach (var child in JsonText.Items(item, "children"))
        {
            Add(child, device);
        }
    }
}
