namespace VirtSnapshot.Methods.Volumes;

/// <summary>Runs tools that snapshot one volume at a time.</summary>
internal static class VolumeActs
{
    /// <summary>Runs the action for all volumes in parallel, because the guest may be frozen. The first failure is thrown.</summary>
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
