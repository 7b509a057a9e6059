namespace VirtSnapshot.Methods.Volumes;

/// <summary>Acts of tools that take one volume at a time.</summary>
internal static class VolumeActs
{
    /// <summary>Does it for all volumes at the same time, since the guest may be frozen; the first failure is thrown.</summary>
    public static void AtOnce(IReadOnlyList<VolumeSnapshot> snapshots, Action<VolumeSnapshot> act)
    {
        if (snapshots is [var only])
        {
            act(only);
            return;
        }

        try
        {
            Parallel.ForEach(snapshots, new ParallelOptions { MaxDegreeOfParallelism = 16 }, act);
        }
        catch (AggregateException e)
        {
            throw e.InnerExceptions[0];
        }
    }
}
