using System.Reflection;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.UnitTests.PublicApi;

public class PublicApiTests
{
    private const string AcceptVariable = "VIRTSNAPSHOT_ACCEPT_API";

    [Fact]
    public void The_public_API_of_Core_is_the_one_that_was_agreed()
    {
        var file = Path.Combine(LabScript.Repository, "tests", "VirtSnapshot.UnitTests", "PublicApi", "VirtSnapshot.Core.txt");
        var now = ApiText.Of(typeof(VirtSnapshotException).Assembly);
        if (Environment.GetEnvironmentVariable(AcceptVariable) == "1")
        {
            File.WriteAllText(file, now);
        }

        var agreed = File.ReadAllText(file);
        Assert.True(
            now == agreed,
            $"The public API of VirtSnapshot.Core differs from {file}:\n{Differences(agreed, now)}"
            + $"If that is meant, run this test once with {AcceptVariable}=1, and commit the file.");
    }

    /// <summary>
    /// PowerShell sets whatever has a public setter, init or not: <c>$snapshot.Name = 'other'</c> would make Remove-DiskSnapshot mean another one.
    /// </summary>
    [Fact]
    public void Nothing_public_can_be_set() => Assert.Empty(
        from type in typeof(VirtSnapshotException).Assembly.GetExportedTypes()
        from property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static)
        where property.SetMethod is { IsPublic: true } && property.DeclaringType!.Assembly == type.Assembly
        select $"{type}.{property.Name}");

    [Fact]
    public void No_public_field_can_be_set() => Assert.Empty(
        from type in typeof(VirtSnapshotException).Assembly.GetExportedTypes()
        from field in type.GetFields(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static)
        where !field.IsLiteral && !field.IsInitOnly && !field.IsSpecialName
        select $"{type}.{field.Name}");

    private static string Differences(string agreed, string now)
    {
        var before = agreed.Split('\n');
        var after = now.Split('\n');
        return string.Concat(before.Except(after).Select(line => $"- {line}\n").Concat(after.Except(before).Select(line => $"+ {line}\n")));
    }
}
