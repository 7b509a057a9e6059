using VirtSnapshot.Hosts;
using VirtSnapshot.Tests.Lab;
using Xunit;

[assembly: AssemblyFixture(typeof(SshServer))]

namespace VirtSnapshot.Tests.Lab;

/// <summary>An ssh server on this machine with a key of its own, started when it is first asked for: what is behind it is as remote as any host.</summary>
public sealed class SshServer : IDisposable
{
    private const string Server = "127.0.0.1";

    private readonly Lazy<string> command;

    public SshServer()
    {
        Folder = Directory.CreateTempSubdirectory("vs-ssh-").FullName;
        command = new Lazy<string>(() => LabScript.Run("sshd.sh", "start", Folder, $"{Environment.ProcessId}").Trim());
    }

    public string Folder { get; }

    /// <summary>The ssh program that goes to it.</summary>
    public string Command => command.Value;

    /// <summary>A libvirt URI through it to the lab's own libvirtd.</summary>
    public string UriOf(LabFixture lab, string user = "root", string? command = null) =>
        $"qemu+ssh://{user}@{Server}/system?command={command ?? Command}&socket={lab.Socket}";

    /// <summary>Another program that goes to it: another way is another connection.</summary>
    public string AnotherCommand(string script)
    {
        var path = Path.Combine(Folder, $"ssh-{Guid.NewGuid():N}");
        File.WriteAllText(path, $"#!/bin/sh\nreal='{Command}'\n{script}\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    /// <summary>Lines for the server's own configuration, for connections from now on; taken back when disposed of.</summary>
    public IDisposable Configured(string name, string lines)
    {
        var file = Path.Combine(Path.GetDirectoryName(Command)!, "sshd_config.d", $"{name}.conf");
        File.WriteAllText(file, lines);
        Reload();
        return new Undo(() =>
        {
            File.Delete(file);
            Reload();
        });
    }

    internal SshConnection Connection(string user = "root", string? command = null) =>
        SshConnection.To(SshAddress.Of(LibvirtUri.TryParse($"qemu+ssh://{user}@{Server}/system?command={command ?? Command}")!));

    internal SshHost Host(string user = "root", string? command = null, bool isSession = false) => new(Connection(user, command), "test:///default", isSession);

    /// <summary>Cuts every connection, as a network does that goes away; new ones can be made.</summary>
    public void CutAll() => LabScript.Run("sshd.sh", "disconnect", Folder);

    public void Dispose()
    {
        if (command.IsValueCreated)
        {
            LabScript.Run("sshd.sh", "stop", Folder);
        }

        Directory.Delete(Folder, recursive: true);
    }

    private void Reload()
    {
        var id = File.ReadAllText(Path.Combine(Folder, "sshd.pid")).Trim();
        LabScript.RunProgram("kill", "-HUP", id);
        var giveUp = DateTime.UtcNow.AddSeconds(30);
        while (LabScript.TryRunProgram(Command, "-o", "BatchMode=yes", Server, "true") is { ExitCode: not 0 } && DateTime.UtcNow < giveUp)
        {
            Thread.Sleep(50);
        }
    }
}
