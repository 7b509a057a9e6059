namespace VirtSnapshot.Quiescing;

/// <summary>How a freeze window went.</summary>
/// <param name="Window">From the freeze call to the thaw's return: never shorter than what the guest felt.</param>
/// <param name="Doubt">Why it is not certain that everything stayed frozen until we thawed it; null where it is.</param>
internal sealed record FreezeOutcome(TimeSpan Window, string? Doubt);
