using System.Globalization;

namespace VirtSnapshot.Hosts;

/// <summary>
/// The ssh destination and options of a libvirt URI. Everything else is the user's own ssh configuration: keys, agent, jump hosts,
/// host keys.
/// </summary>
/// <param name="Server">The host, or an alias in the user's ssh configuration.</param>
/// <param name="User">The remote user.</param>
/// <param name="Port">The port.</param>
/// <param name="Program">The ssh program: the parameter <c>command</c>.</param>
/// <param name="KeyFile">The private key: <c>keyfile</c>.</param>
/// <param name="KnownHostsFile">The known host keys: <c>known_hosts</c>, only for libvirt's libssh transports.</param>
/// <param name="HostKeyChecking">OpenSSH's <c>StrictHostKeyChecking</c>: from <c>no_verify</c>, or the libssh transports' <c>known_hosts_verify</c>.</param>
internal sealed record SshAddress(
    string Server, string? User, int? Port, string Program, string? KeyFile, string? KnownHostsFile, string? HostKeyChecking)
{
    /// <summary>The command line of a manual login.</summary>
    public string Command =>
        string.Join(' ', [Program, .. Port is null ? Array.Empty<string>() : ["-p", $"{Port}"], User is null ? Server : $"{User}@{Server}"]);

    public static SshAddress Of(LibvirtUri uri)
    {
        var isPlain = uri.Transport == "ssh";
        var parameters = uri.Parameters;
        return new SshAddress(
            uri.Server,
            uri.User,
            uri.Port,
            isPlain && parameters.TryGetValue("command", out var command) && command.Length > 0 ? command : "ssh",
            parameters.GetValueOrDefault("keyfile"),
            isPlain ? null : parameters.GetValueOrDefault("known_hosts"),
            isPlain
                ? int.TryParse(parameters.GetValueOrDefault("no_verify"), NumberStyles.Integer, CultureInfo.InvariantCulture, out var isOff)
                    && isOff != 0 ? "no" : null
                : parameters.GetValueOrDefault("known_hosts_verify") switch
                {
                    "ignore" => "no",
                    "auto" => "accept-new",
                    _ => null,
                });
    }

    /// <summary>The client's arguments up to the remote command.</summary>
    /// <param name="controlPath">The control socket of the shared connection; null for none.</param>
    public IReadOnlyList<string> Arguments(string? controlPath)
    {
        // No prompts, no forwarding, no terminal.
        List<string> arguments =
        [
            "-T", "-x", "-a", "-e", "none", "-o", "BatchMode=yes", "-o", "ClearAllForwardings=yes",
            "-o", "PermitLocalCommand=no", "-o", "RemoteCommand=none", "-o", "LogLevel=ERROR",
        ];

        // The same keepalive times as for libvirt's connections: a network failure must not block a run for long.
        arguments.AddRange(["-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"]);
        if (controlPath is null)
        {
            arguments.AddRange(["-S", "none"]);
        }
        else
        {
            arguments.AddRange(["-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-S", controlPath]);
        }

        Add("-p", Port?.ToString(CultureInfo.InvariantCulture));
        Add("-l", User);
        Add("-i", KeyFile);
        Add("-o", HostKeyChecking is null ? null : $"StrictHostKeyChecking={HostKeyChecking}");
        Add("-o", KnownHostsFile is null ? null : $"UserKnownHostsFile=\"{KnownHostsFile.Replace("%", "%%", StringComparison.Ordinal)}\"");
        return [.. arguments, "--", Server];

        void Add(string option, string? value)
        {
            if (!string.IsNullOrEmpty(value))
            {
                arguments.AddRange([option, value]);
            }
        }
    }
}
