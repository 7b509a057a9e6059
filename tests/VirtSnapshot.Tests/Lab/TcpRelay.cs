using System.Net;
using System.Net.Sockets;

namespace VirtSnapshot.Tests.Lab;

/// <summary>
/// The lab's libvirtd behind a port of 127.0.0.1, as a host that nothing but libvirt reaches. The network between can be cut, and mended.
/// </summary>
internal sealed class TcpRelay : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly List<Socket> open = [];
    private readonly string socket;
    private volatile bool isCut;

    public TcpRelay(LabFixture lab)
    {
        socket = lab.Socket;
        listener.Start();
        Uri = $"qemu+tcp://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/system";
        _ = AcceptAsync();
    }

    public string Uri { get; }

    /// <summary>Ends all connections, and those that come.</summary>
    public void Cut()
    {
        isCut = true;
        lock (open)
        {
            open.ForEach(static end => end.Dispose());
            open.Clear();
        }
    }

    public void Mend() => isCut = false;

    /// <summary>A guard that is still at work would try for a day.</summary>
    public void Dispose()
    {
        LabScript.TryRunProgram("pkill", "-KILL", "-f", $"virtsnapshot-freeze-guard {Uri.Replace("+", "\\+", StringComparison.Ordinal)}");
        Cut();
        listener.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var caller = await listener.AcceptSocketAsync();
                if (isCut)
                {
                    caller.Dispose();
                    continue;
                }

                var daemon = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await daemon.ConnectAsync(new UnixDomainSocketEndPoint(socket));
                lock (open)
                {
                    open.AddRange([caller, daemon]);
                }

                _ = PassAsync(caller, daemon);
                _ = PassAsync(daemon, caller);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Disposed of.
        }
    }

    private static async Task PassAsync(Socket from, Socket to)
    {
        try
        {
            var buffer = new byte[64 << 10];
            for (int count; (count = await from.ReceiveAsync(buffer)) > 0;)
            {
                for (var sent = 0; sent < count;)
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, count - sent));
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The other end has gone.
        }

        from.Dispose();
        to.Dispose();
    }
}
