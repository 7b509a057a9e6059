namespace VirtSnapshot.Methods;

/// <summary>What had to stay when something was undone or tidied up: it is told, and keeps nothing else from being done.</summary>
internal static class Leftover
{
    /// <param name="action">Undoes or tidies up; returns what had to stay, and why, or null.</param>
    public static string? Of(Func<string?> action)
    {
        try
        {
            return action();
        }
        catch (VirtSnapshotException e)
        {
            return e.Message;
        }
    }
}
