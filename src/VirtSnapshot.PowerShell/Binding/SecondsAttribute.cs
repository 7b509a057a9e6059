using System.Globalization;
using System.Management.Automation;

namespace VirtSnapshot.PowerShell.Binding;

/// <summary>
/// A time span, or a number of seconds. PowerShell itself would take a number for ticks of 100 ns, and the text "45" for days.
/// Longer than a day is a mistake, and more than the timers underneath can hold is not far from it.
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

    /// <summary>Not more than a double of seconds can be as a time span.</summary>
    private static TimeSpan FromSeconds(double seconds, object given) =>
        seconds > 0 && seconds <= Longest.TotalSeconds ? TimeSpan.FromSeconds(seconds) : throw Invalid(given);

    private static ArgumentTransformationMetadataException Invalid(object? given) =>
        new($"'{given}' is not a time that can be waited for: give seconds, or a time span such as '00:01:30', more than zero and at most a day.");
}
