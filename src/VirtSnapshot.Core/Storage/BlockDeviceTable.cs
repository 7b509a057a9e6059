using System.Text.Json;

namespace VirtSnapshot.Storage;

/// <summary>The block devices of a host, and what stands on what.</summary>
internal sealed class BlockDeviceTable
{
    private readonly Dictionary<string, BlockDevice> byNumber = new(StringComparer.Ordinal);
    private readonly Dictionary<string, BlockDevice> byPath = new(StringComparer.Ordinal);

    /// <param name="json">Of <c>lsblk -J -b</c>; empty where there is no such program.</param>
    /// <exception cref="FormatException">It is not what lsblk prints.</exception>
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

    /// <param name="path">Of <c>/dev</c>, by either name.</param>
    public BlockDevice? FindByPath(string path) => byPath.GetValueOrDefault(path);

    private void Add(JsonElement item, BlockDevice? below)
    {
        var number = JsonText.Text(item, "maj:min").Trim();
        if (!byNumber.TryGetValue(number, out var device))
        {
            // The kernel's names have '!' where the path has a slash. The mapper's numbers change with every start of the host.
            var kernelName = JsonText.Text(item, "kname").Replace('!', '/');
            var name = kernelName.StartsWith("dm-", StringComparison.Ordinal) ? $"mapper/{JsonText.Text(item, "name")}" : kernelName;
            device = new BlockDevice(number, kernelName, $"/dev/{name}", JsonText.Text(item, "type"), JsonText.Number(item, "size") ?? 0);
            byNumber.Add(number, device);
            byPath[$"/dev/{kernelName}"] = device;
            byPath[device.Path] = device;
        }

        // What stands on several devices is listed below each of them. None stands on itself, whatever we are told.
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
