namespace VirtSnapshot.Tests.Faults;

/// <summary>A run in a process of its own, which ends itself with SIGKILL where a test tells it to.</summary>
internal static class Victim
{
    public static int Run(string[] order) => throw new NotSupportedException(string.Join(' ', order));
}
