namespace VirtSnapshot.Methods.Zfs;

/// <summary>A property's value.</summary>
/// <param name="Value">As <c>zfs get -p</c> prints it; <c>-</c> where there is none.</param>
/// <param name="Source"><c>local</c>, <c>default</c>, <c>inherited from …</c>, <c>received</c>, <c>-</c>.</param>
internal sealed record ZfsValue(string Value, string Source);
