using System.Text;
using System.Text.Json.Nodes;
using VirtSnapshot.Domains;
using VirtSnapshot.Native;

namespace VirtSnapshot.Tests.Lab;

/// <summary>A real guest with a real agent, whose record writer is at work unless it was switched off.</summary>
public sealed class TestGuest(LabFixture lab, string name, string? folder = null) : IDisposable
{
    /// <summary>
    /// For <c>domain.sh</c>: a short pause between records, for tests that prove that several disks are of one moment. Two moments can be told apart only if a
    /// record was written between them.
    /// </summary>
    public static readonly IReadOnlyList<string> WritesFast = ["--cmdline", "pace=0.04"];

    private readonly string folder = folder ?? lab.Folder;

    public string Name => name;

    public LabFixture Lab => lab;

    /// <summary>The domain as it is now.</summary>
    public VmDomain Domain => DomainFinder.FindOne(lab.Uri, name, TestContextToken);

    private static CancellationToken TestContextToken => Xunit.TestContext.Current.CancellationToken;

    public string Image(string target) => Path.Combine(folder, "images", $"{name}-{target}.qcow2");

    /// <summary>The number of the last record that the guest says is on all its disks.</summary>
    public int LastAcknowledged()
    {
        var lines = File.ReadAllLines(Path.Combine(folder, $"{name}.acknowledged"));
        return lines.Length == 0 ? 0 : int.Parse(lines[^1], System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Waits until the guest has written on.</summary>
    public void WaitForMoreRecords(int atLeast = 3) => TimeSpent.Waiting(() =>
    {
        var from = LastAcknowledged();
        var giveUp = DateTime.UtcNow.AddSeconds(60);
        while (LastAcknowledged() < from + atLeast)
        {
            if (DateTime.UtcNow > giveUp)
            {
                throw new TimeoutException($"Guest '{name}' wrote nothing for a minute: is it frozen?");
            }

            Thread.Sleep(50);
        }
    });

    /// <summary>Runs a program in the guest through its agent, as <c>in-guest.sh</c> does.</summary>
    /// <returns>What it printed.</returns>
    /// <exception cref="InvalidOperationException">Its exit code is not 0.</exception>
    /// <exception cref="LibvirtException">The agent refused, as it does in a freeze, or did not answer.</exception>
    public string Run(params string[] command)
    {
        var words = new JsonArray([.. command[1..].Select(word => (JsonNode)word)]);
        var id = Ask("guest-exec", new() { ["path"] = command[0], ["arg"] = words, ["capture-output"] = true });
        while (true)
        {
            var state = Ask("guest-exec-status", new() { ["pid"] = (int)id["pid"]! });
            if (!(bool)state["exited"]!)
            {
                Thread.Sleep(20);
                continue;
            }

            return (int?)state["exitcode"] == 0
                ? Text("out-data")
                : throw new InvalidOperationException($"{string.Join(' ', command)}: exit code {state["exitcode"]}\n{Text("out-data")}\n{Text("err-data")}");

            string Text(string field) => Encoding.UTF8.GetString(Convert.FromBase64String((string?)state[field] ?? ""));
        }

        JsonNode Ask(string what, JsonObject arguments) =>
            JsonNode.Parse(lab.AskAgent(name, new JsonObject { ["execute"] = what, ["arguments"] = arguments }.ToJsonString()))!["return"]!;
    }

    /// <summary>Tells the agent a command.</summary>
    /// <returns>Its answer, as JSON; null where it refused, or did not answer in time.</returns>
    public string? TryAsk(string command, int timeoutSeconds)
    {
        try
        {
            return lab.AskAgent(name, command, timeoutSeconds);
        }
        catch (LibvirtException)
        {
            return null;
        }
    }

    /// <summary>Reads the records out of an image on the host, having checked each of them and the file system.</summary>
    /// <returns>The number of the last record; all before it are there.</returns>
    public static int ReadRecords(string image, string format = "qcow2", bool crashed = false)
    {
        string[] mode = crashed ? ["--crashed"] : [];
        var lines = LabScript.Run("records.sh", [.. mode, image, format]).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return lines.Length == 0 ? 0 : int.Parse(lines[^1].AsSpan(0, 10), System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>For guests of <see cref="LabFixture.Throwaway"/>.</summary>
    public void Dispose()
    {
        lab.TryVirsh("destroy", name);
        lab.TryVirsh("undefine", name, "--managed-save", "--snapshots-metadata");
        foreach (var image in Directory.GetFiles(Path.Combine(folder, "images"), $"{name}-*"))
        {
            File.Delete(image);
        }
    }
}
