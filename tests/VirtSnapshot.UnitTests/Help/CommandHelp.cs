using System.Management.Automation;
using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.PowerShell;
using VirtSnapshot.PowerShell.Commands;
using VirtSnapshot.Tests.Lab;

namespace VirtSnapshot.UnitTests.Help;

/// <summary>What is said of a parameter: by the code, by the page of <c>docs/help</c> or by the MAML that <c>Get-Help</c> reads.</summary>
/// <param name="Default">Its default value; null where the code leaves it to the page to say what holds without the parameter.</param>
internal sealed record ParameterHelp(
    string Name, string Type, string Position, bool IsRequired, string PipelineInput, string Aliases, bool SupportsWildcards, string? Default);

/// <summary>What is said of a command.</summary>
/// <param name="Parameters">Its parameters, sorted by name.</param>
/// <param name="Syntax">Each parameter as it is in the syntax, sorted.</param>
/// <param name="Examples">The examples' code.</param>
internal sealed partial record CommandHelp(IReadOnlyList<ParameterHelp> Parameters, IReadOnlyList<string> Syntax, IReadOnlyList<string> Examples)
{
    private static readonly XNamespace Command = "http://schemas.microsoft.com/maml/dev/command/2004/10";
    private static readonly XNamespace Dev = "http://schemas.microsoft.com/maml/dev/2004/10";
    private static readonly XNamespace Maml = "http://schemas.microsoft.com/maml/2004/10";
    private static readonly XDocument Document = XDocument.Load(
        Path.Combine(LabScript.Repository, "src/VirtSnapshot.PowerShell/en-US/VirtSnapshot.PowerShell.dll-Help.xml"));

    /// <summary>The module's commands.</summary>
    public static IReadOnlyDictionary<string, Type> Commands { get; } = typeof(NewDiskSnapshotCommand).Assembly.GetTypes()
        .Where(type => type.IsDefined(typeof(CmdletAttribute)))
        .ToDictionary(type => type.GetCustomAttribute<CmdletAttribute>() is { } cmdlet ? $"{cmdlet.VerbName}-{cmdlet.NounName}" : "");

    /// <summary>The commands that the MAML describes.</summary>
    public static IEnumerable<string> MamlNames => Document.Root!.Elements(Command + "command").Select(NameOf);

    public static CommandHelp OfCode(string name)
    {
        var type = Commands[name];
        var cmdlet = Activator.CreateInstance(type);
        List<ParameterHelp> parameters = 
        [
            .. type.GetProperties().Where(property => property.IsDefined(typeof(ParameterAttribute))).Select(property => OfCode(property, cmdlet)),
        ];
        if (type.GetCustomAttribute<CmdletAttribute>()!.SupportsShouldProcess)
        {
            parameters.Add(new ParameterHelp("WhatIf", $"{typeof(SwitchParameter)}", "Named", false, "false", "wi", false, "False"));
            parameters.Add(new ParameterHelp("Confirm", $"{typeof(SwitchParameter)}", "Named", false, "false", "cf", false, "False"));
        }

        return Of(parameters, parameters.Select(parameter => Token(parameter, ShortName(type.GetProperty(parameter.Name)?.PropertyType))), []);
    }

    public static CommandHelp OfPage(string name)
    {
        var page = File.ReadAllText(Path.Combine(LabScript.Repository, "docs/help", $"{name}.md"));
        var syntax = page[page.IndexOf("## SYNTAX", StringComparison.Ordinal)..page.IndexOf("## ALIASES", StringComparison.Ordinal)];
        return Of(
            PageParameter().Matches(page).Select(match => OfPage(match.Groups[1].Value, match.Groups[2].Value)),
            SyntaxToken().Matches(syntax[syntax.IndexOf($"{name} ", StringComparison.Ordinal)..]).Select(match => LineBreak().Replace(match.Value, " ")),
            CodeBlocks(page));
    }

    /// <param name="fromSyntax">Reads the parameters as the syntax has them, which <c>Get-Help</c> shows apart from the list of parameters.</param>
    public static CommandHelp OfMaml(string name, bool fromSyntax = false)
    {
        var command = Document.Root!.Elements(Command + "command").Single(command => NameOf(command) == name);
        var syntax = command.Element(Command + "syntax")!.Elements().Single().Elements(Command + "parameter").ToList();
        return Of(
            (fromSyntax ? syntax : command.Element(Command + "parameters")!.Elements()).Select(OfMaml),
            syntax.Select(parameter => Token(OfMaml(parameter), parameter.Element(Command + "parameterValue")?.Value)),
            [.. command.Descendants(Dev + "code").Select(code => code.Value)]);
    }

    /// <summary>The code of a page's PowerShell blocks; of a session that is shown, what is typed.</summary>
    public static IReadOnlyList<string> CodeBlocks(string page) =>
    [
        .. PowerShellBlock().Matches(page).Select(match => match.Groups[1].Value).Select(code => !code.Contains("PS> ", StringComparison.Ordinal)
            ? code
            : string.Join('\n', code.Split('\n').Where(line => line.StartsWith("PS> ", StringComparison.Ordinal)).Select(line => line[4..]))),
    ];

    private static CommandHelp Of(IEnumerable<ParameterHelp> parameters, IEnumerable<string> syntax, IReadOnlyList<string> examples) =>
        new([.. parameters.OrderBy(parameter => parameter.Name, StringComparer.Ordinal)], [.. syntax.Order(StringComparer.Ordinal)], examples);

    private static ParameterHelp OfCode(PropertyInfo property, object? cmdlet)
    {
        var attribute = property.GetCustomAttribute<ParameterAttribute>()!;
        var value = property.GetValue(cmdlet);
        var isUnset = value is null or "" || (value is ValueType and not SwitchParameter && value.Equals(Activator.CreateInstance(value.GetType())));
        return new ParameterHelp(
            property.Name,
            $"{property.PropertyType}",
            attribute.Position == int.MinValue ? "Named" : $"{attribute.Position}",
            attribute.Mandatory,
            Pipeline(attribute.ValueFromPipeline, attribute.ValueFromPipelineByPropertyName),
            string.Join(", ", property.GetCustomAttribute<AliasAttribute>()?.AliasNames ?? []),
            property.IsDefined(typeof(SupportsWildcardsAttribute)),
            isUnset ? null : $"{value}");
    }

    private static ParameterHelp OfPage(string name, string yaml)
    {
        return new ParameterHelp(
            name,
            Value("Type"),
            Value("Position"),
            bool.Parse(Value("IsRequired")),
            Pipeline(bool.Parse(Value("ValueFromPipeline")), bool.Parse(Value("ValueFromPipelineByPropertyName"))),
            string.Join(", ", PageAliases().Match(yaml).Groups[1].Value.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line[2..])),
            bool.Parse(Value("SupportsWildcards")),
            Value("DefaultValue"));

        string Value(string key) => Regex.Match(yaml, $@"^ *{key}: (.*)$", RegexOptions.Multiline).Groups[1].Value.Trim('\'');
    }

    private static ParameterHelp OfMaml(XElement parameter) => new(
        parameter.Element(Maml + "name")!.Value,
        parameter.Element(Dev + "type")!.Element(Maml + "name")!.Value,
        parameter.Attribute("position")!.Value,
        (bool)parameter.Attribute("required")!,
        parameter.Attribute("pipelineInput")!.Value,
        parameter.Attribute("aliases")!.Value.Replace("none", "", StringComparison.Ordinal),
        (bool)parameter.Attribute("globbing")!,
        parameter.Element(Dev + "defaultValue")?.Value ?? "");

    private static string NameOf(XElement command) => command.Element(Command + "details")!.Element(Command + "name")!.Value;

    private static string Pipeline(bool byValue, bool byPropertyName) => (byValue, byPropertyName) switch
    {
        (true, true) => "true (ByValue, ByPropertyName)",
        (true, false) => "true (ByValue)",
        (false, true) => "true (ByPropertyName)",
        _ => "false",
    };

    private static string Token(ParameterHelp parameter, string? type)
    {
        var name = parameter.Position == "Named" ? $"-{parameter.Name}" : $"[-{parameter.Name}]";
        var whole = type is null ? name : $"{name} <{type}>";
        return parameter.IsRequired ? whole : $"[{whole}]";
    }

    /// <summary>A type as PowerShell's own syntax has it; null for a switch.</summary>
    private static string? ShortName(Type? type) => type is null || type == typeof(SwitchParameter)
        ? null
        : ToStringCodeMethods.Type(PSObject.AsPSObject(Nullable.GetUnderlyingType(type) ?? type)).Split('.')[^1];

    [GeneratedRegex(@"^### -(\w+)$.*?^```yaml\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex PageParameter();

    [GeneratedRegex(@"^Aliases:\n((?:- .*\n)*)", RegexOptions.Multiline)]
    private static partial Regex PageAliases();

    [GeneratedRegex(@"\[\[-\w+\]\s+<\S+>\]|\[-\w+(\s+<\S+>)?\]|-\w+\s+<\S+>")]
    private static partial Regex SyntaxToken();

    [GeneratedRegex(@"\s+")]
    private static partial Regex LineBreak();

    [GeneratedRegex(@"^```powershell\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex PowerShellBlock();
}
