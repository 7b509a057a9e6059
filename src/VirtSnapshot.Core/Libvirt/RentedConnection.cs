namespace VirtSnapshot.Libvirt;

/// <summary>A connection that goes back to the pool.</summary>
/// <param name="connection">The connection.</param>
/// <param name="isShared">Whether others use it, too: then it stays open.</param>
/// <param name="isKept">Whether it was used before.</param>
internal sealed class RentedConnection(LibvirtConnection connection, bool isShared = false, bool isKept = false) : IDisposable
{
    private bool isGone = isShared;

    public LibvirtConnection Connection => connection;

    public bool IsKept => isKept;

    /// <summary>A call is still under way on it: it is closed when that ends, and nobody gets it again.</summary>
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
