using System.Management.Automation;
using System.Reflection;
using VirtSnapshot.PowerShell.Commands;

namespace VirtSnapshot.Tests.Cmdlets;

/// <summary>A command of the module, found by reflection, so that a new one is tested as well; in a pipeline it must not change anything.</summary>
internal sealed record PipedCommand(string Name, bool TakesDisks, bool TakesSnapshots, string Parameters, IReadOnlyList<string> ByPropertyName)
{
    public static IReadOnlyList<PipedCommand> All { get; } =
    [
        .. typeof(NewDiskSnapshotCommand).Assembly.GetTypes()
            .Select(type => (Type: type, Attribute: type.GetCustomAttribute<CmdletAttribute>()))
            .Where(command => command.Attribute is not null)
            .Select(command => Of(command.Type, command.Attribute!)),
    ];

    public static PipedCommand Find(string name) => All.Single(command => command.Name == name);

    /// <param name="snapshot">The name of snapshots, for what does not itself name one.</param>
    /// <param name="disks">The disks, for a domain where a command insists on them.</param>
    public string ToScript(string? snapshot = null, string? disks = null) =>
        $"{Name}{Parameters}{(snapshot is null || !TakesSnapshots ? "" : $" -Name {snapshot}")}{(disks is null || !TakesDisks ? "" : $" -Disk {disks}")}";

    private static PipedCommand Of(Type type, CmdletAttribute attribute)
    {
        var parameters = type.GetProperties().Where(property => property.IsDefined(typeof(ParameterAttribute))).ToList();
        var names = parameters.SelectMany(parameter => (parameter.GetCustomAttribute<AliasAttribute>()?.AliasNames ?? []).Append(parameter.Name)).ToHashSet();
        return new PipedCommand(
            $"{attribute.VerbName}-{attribute.NounName}",
            names.Contains("Disk"),
            names.Contains("Id"),
            (attribute.SupportsShouldProcess ? " -WhatIf" : "")
                + string.Concat(parameters.Where(parameter => parameter.GetCustomAttribute<ParameterAttribute>()!.Mandatory).Select(parameter => $" -{parameter.Name} qemu")),
            [.. parameters.Where(parameter => parameter.GetCustomAttribute<ParameterAttribute>()!.ValueFromPipelineByPropertyName).Select(parameter => parameter.Name)]);
    }
}
