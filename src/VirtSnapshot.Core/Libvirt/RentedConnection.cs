namespace VirtSnapshot.Libvirt;

/// <summary>A connection that is returned to the pool when it is disposed of.</summary>
/// <param name="connection">The connection.</param>
/// <param name="isShared">Whether other users share it; then it stays open.</param>
/// <param name="isKept">Whether it was taken from the pool and not opened for this user.</param>
internal sealed class RentedConnection(LibvirtConnection connection, bool isShared = false, bool isKept = false) : IDisposable
{
    private bool isGone = isShared;

    public LibvirtConnection Connection => connection;

    public bool IsKept => isKept;

    /// <summary>Gives up the connection while a call is still running on it: it is closed when the call ends, and is not reused.</summary>
    public void Abandon()
    {
        if (!isGone)
        {
            isGone = true;
            connection.Dispose();
        }
    }

    public void Dispose()
    {
        if (!isGone)
        {
            isGone = true;
            ConnectionPool.Return(connection);
        }
    }
}
