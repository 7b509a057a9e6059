using System.Management.Automation;
using System.Management.Automation.Language;
using System.Text.RegularExpressions;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.UnitTests.Help;

/// <summary>The pages, the MAML that <c>Get-Help</c> reads, and the cmdlets say the same.</summary>
public sealed class HelpTests
{
    public static TheoryData<string> Commands => [.. CommandHelp.Commands.Keys];

    /// <summary>Pages that show commands, but are not about one.</summary>
    public static TheoryData<string> OtherPages => ["README.md", "docs/help/about_VirtSnapshot.md"];

    [Fact]
    public void Each_cmdlet_has_a_page_and_MAML_and_nothing_else_has()
    {
        var pages = Directory.GetFiles(Path.Combine(LabScript.Repository, "docs/help"), "*-*.md").Select(Path.GetFileNameWithoutExtension);

        Assert.Equal(CommandHelp.Commands.Keys.Order(), pages.Order());
        Assert.Equal(CommandHelp.Commands.Keys.Order(), CommandHelp.MamlNames.Order());
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void Page_MAML_and_cmdlet_agree_on_each_parameter(string command)
    {
        var (code, page, maml) = (CommandHelp.OfCode(command), CommandHelp.OfPage(command), CommandHelp.OfMaml(command));

        Assert.Equal(page.Parameters, maml.Parameters);
        Assert.Equal(page.Parameters, CommandHelp.OfMaml(command, fromSyntax: true).Parameters);
        Assert.Equal(code.Parameters.Select(parameter => parameter.Name), page.Parameters.Select(parameter => parameter.Name));
        Assert.Equal(code.Parameters.Zip(page.Parameters, (inCode, onPage) => inCode with { Default = inCode.Default ?? onPage.Default }), page.Parameters);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void Page_MAML_and_cmdlet_agree_on_the_syntax(string command)
    {
        var code = CommandHelp.OfCode(command);

        Assert.Equal(code.Syntax, CommandHelp.OfPage(command).Syntax);
        Assert.Equal(code.Syntax, CommandHelp.OfMaml(command).Syntax);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void Examples_parse_and_use_parameters_that_exist(string command)
    {
        var (page, maml) = (CommandHelp.OfPage(command), CommandHelp.OfMaml(command));

        Assert.NotEmpty(page.Examples);
        Assert.Equal(page.Examples.Select(code => code.Trim()), maml.Examples.Select(code => code.Trim()));
        Assert.All(page.Examples, AssertRunnable);
    }

    [Theory]
    [MemberData(nameof(OtherPages))]
    public void Commands_that_other_pages_show_parse_and_use_parameters_that_exist(string page)
    {
        var examples = CommandHelp.CodeBlocks(File.ReadAllText(Path.Combine(LabScript.Repository, page)));

        Assert.NotEmpty(examples);
        Assert.All(examples, AssertRunnable);
    }

    private static void AssertRunnable(string code)
    {
        var script = Parser.ParseInput(code, out _, out var errors);
        Assert.Empty(errors);
        foreach (var command in script.FindAll(node => node is CommandAst, searchNestedScriptBlocks: true).Cast<CommandAst>())
        {
            if (!Regex.IsMatch(command.GetCommandName() ?? "", @"^\w+-(Vm|Disk)\w+$"))
            {
                continue;
            }

            Assert.Contains(command.GetCommandName(), CommandHelp.Commands.Keys);
            var known = CommandHelp.OfCode(command.GetCommandName()).Parameters
                .SelectMany(parameter => parameter.Aliases.Split(", ").Append(parameter.Name))
                .Concat(Cmdlet.CommonParameters);
            Assert.All(command.CommandElements.OfType<CommandParameterAst>(), parameter => Assert.Contains(parameter.ParameterName, known));
        }
    }
}
