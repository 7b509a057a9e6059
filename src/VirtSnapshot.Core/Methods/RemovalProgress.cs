namespace VirtSnapshot.Methods;

/// <summary>How far the merge of one disk is.</summary>
/// <param name="Target">The disk.</param>
/// <param name="Done">Bytes poured so far.</param>
/// <param name="Total">Bytes there are to pour; grows while the guest writes.</param>
public sealed record RemovalProgress(string Target, ulong Done, ulong Total);
