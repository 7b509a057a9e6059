using System.Globalization;
using System.Management.Automation;

namespace VirtSnapshot.PowerShell.Binding;

/// <summary>
/// Accepts a time span or a number of seconds. PowerShell would convert a number to ticks of 100 ns, and the string "45" to days.
/// The maximum is one day: a longer time is probably a mistake, and timers have a limit, too.
/// </summary>
internal sealed class SecondsAttribute : ArgumentTransformationAttribute
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var given = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        var time = given switch
        {
            TimeSpan span => span,
            string text when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) => FromSeconds(seconds, given),
            string text when TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var span) => span,
            int or long or uint or ulong or short or ushort or byte or sbyte or float or double or decimal =>
                FromSeconds(Convert.ToDouble(given, CultureInfo.InvariantCulture), given),
            _ => throw Invalid(given),
        };
        return time > TimeSpan.Zero && time <= Longest ? time : throw Invalid(given);
    }

    /// <summary>Checks the range first, since a large number of seconds overflows a time span.</summary>
    private static TimeSpan FromSeconds(double seconds, object given) =>
        seconds > 0 && seconds <= Longest.TotalSeconds ? TimeSpan.FromSeconds(seconds) : throw Invalid(given);

    private static ArgumentTransformationMetadataException Invalid(object? given) =>
        new($"'{given}' is not a valid time. Give seconds, or a time span such as '00:01:30', greater than zero and at most one day.");
}
