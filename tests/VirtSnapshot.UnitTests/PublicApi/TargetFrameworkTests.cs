using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using VirtSnapshot.Domains;
using VirtSnapshot.PowerShell.Commands;
using Xunit;

namespace VirtSnapshot.UnitTests.PublicApi;

/// <summary>
/// PowerShell 7.4 loads the module. The compiler resolves every type and member in the assemblies that are referenced here, so what is
/// compiled against .NET 8 and PowerShell Standard uses nothing that is newer than they are.
/// </summary>
public sealed class TargetFrameworkTests
{
    private static readonly Version Net8 = new(8, 0, 0, 0);
    private static readonly Version PowerShellStandard = new(3, 0, 0, 0);

    [Theory]
    [InlineData(typeof(VmDomain))]
    [InlineData(typeof(NewDiskSnapshotCommand))]
    public void The_module_needs_nothing_but_NET_8_and_PowerShell_Standard(Type type)
    {
        Assert.Equal(".NETCoreApp,Version=v8.0", type.Assembly.GetCustomAttribute<TargetFrameworkAttribute>()!.FrameworkName);
        Assert.All(References(type.Assembly.Location), reference => Assert.True(IsAllowed(reference), $"{reference}"));
    }

    private static bool IsAllowed(AssemblyName reference) => reference.Name switch
    {
        "VirtSnapshot.Core" => true,
        "System.Management.Automation" => reference.Version == PowerShellStandard,
        _ => reference.Version <= Net8 && File.Exists(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), $"{reference.Name}.dll")),
    };

    private static List<AssemblyName> References(string file)
    {
        using var image = new PEReader(File.OpenRead(file));
        var metadata = image.GetMetadataReader();
        return [.. metadata.AssemblyReferences.Select(handle => metadata.GetAssemblyReference(handle).GetAssemblyName())];
    }
}
