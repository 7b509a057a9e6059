namespace VirtSnapshot.Quiescing;

/// <summary>What the caller asks of the guest agent.</summary>
public enum Quiescence
{
    /// <summary>Freeze where an agent answers; where none does, go on and say so.</summary>
    WherePossible,

    /// <summary>Freeze, or fail before anything is touched (the RFC's <c>QUIESCE_REQUIRED</c>).</summary>
    Required,

    /// <summary>Leave the agent alone.</summary>
    None,
}
