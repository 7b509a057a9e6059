namespace VirtSnapshot.Native;

/// <summary>What <c>VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2</c> tells: it names the disk by its target.</summary>
internal readonly record struct BlockJobEvent(string Target, BlockJobStatus Status);
