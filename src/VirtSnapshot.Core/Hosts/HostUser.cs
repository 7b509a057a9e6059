namespace VirtSnapshot.Hosts;

/// <summary>Who we are on another host.</summary>
/// <param name="Id">The user's number.</param>
/// <param name="HostName">What the host calls itself.</param>
/// <param name="SudoError">Why sudo does not make us root; null where it does, or where we are root.</param>
/// <param name="HasSudo">Whether sudo is there at all.</param>
internal sealed record HostUser(uint Id, string HostName, string? SudoError, bool HasSudo)
{
    public bool IsRoot => Id == 0;
}
