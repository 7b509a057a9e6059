using Xunit;

namespace VirtSnapshot.Tests.Shell;

public sealed class ShellTests : IDisposable
{
    private const string Confirming = """
        function Remove-Thing { [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')] param()
            if ($PSCmdlet.ShouldProcess('thing', 'Remove')) { 'removed' } else { 'kept' } }
        Remove-Thing
        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("VirtSnapshot.Shell.");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("1", 0)]
    [InlineData("exit 9", 9)]
    [InlineData("sh -c 'exit 3'", 1)]
    [InlineData("Get-Nothing", 1)]
    [InlineData("Get-Nothing; 1", 0)]
    [InlineData("throw 'x'", 1)]
    [InlineData("if (", 1)]
    public void A_commands_exit_code_is_its_exit_or_the_success_of_its_last_statement(string command, int expected) =>
        Assert.Equal(expected, ShellProcess.Run(["-Command", command]).ExitCode);

    [Theory]
    [InlineData("'before'; exit 7; 'after'", 7)]
    [InlineData("sh -c 'exit 3'", 0)]
    [InlineData("Get-Nothing; 'after'", 0)]
    [InlineData("throw 'x'", 1)]
    [InlineData("if (", 1)]
    public void A_scripts_exit_code_is_its_exit_or_one_after_a_terminating_error(string script, int expected) =>
        Assert.Equal(expected, ShellProcess.Run(["-File", Script(script)]).ExitCode);

    [Fact]
    public void The_exit_of_a_script_called_by_a_script_ends_only_that_script()
    {
        string inner = Script("exit 4", "inner.ps1");
        ShellResult result = ShellProcess.Run(["-File", Script($"& '{inner}'; \"inner $LASTEXITCODE\"")]);
        Assert.Equal((0, "inner 4\n"), (result.ExitCode, result.Output));
    }

    [Fact]
    public void Script_arguments_bind_to_its_parameters()
    {
        string script = Script("param([string] $Name, [switch] $Force, [switch] $No, [int] $Count, $Rest) \"$Name|$Force|$No|$Count|$Rest\"");
        ShellResult result = ShellProcess.Run([script, "-Name", "a b", "-Force", "-No:$false", "-Count:3", "last"]);
        Assert.Equal("a b|True|False|3|last\n", result.Output);
    }

    [Fact]
    public void Unnamed_script_arguments_can_be_passed_on()
    {
        string inner = Script("param($Size, [switch] $Fast) \"$Size|$Fast\"", "inner.ps1");
        ShellResult result = ShellProcess.Run([Script($"param($Task) & '{inner}' @args"), "demo", "-Fast", "-Size", "5"]);
        Assert.Equal("5|True\n", result.Output);
    }

    [Theory]
    [InlineData("-Bogus")]
    [InlineData("-File", "nowhere.ps1")]
    [InlineData("-Command")]
    [InlineData("word")]
    public void What_is_not_understood_is_a_usage_error(params string[] arguments)
    {
        ShellResult result = ShellProcess.Run(arguments);
        Assert.Equal(64, result.ExitCode);
        Assert.Empty(result.Output);
        Assert.Contains("--help", result.Error);
    }

    [Fact]
    public void Errors_go_to_standard_error_with_their_place_and_without_colours()
    {
        ShellResult result = ShellProcess.Run([Script("'fine'\nthrow 'the disk is gone'")]);
        Assert.Equal("fine\n", result.Output);
        Assert.Contains("script.ps1:2", result.Error);
        Assert.Contains("the disk is gone", result.Error);
        Assert.DoesNotContain('\e', result.Error);
    }

    [Fact]
    public void Warnings_and_tables_go_to_standard_output_without_colours()
    {
        ShellResult result = ShellProcess.Run(["-c", "[pscustomobject]@{ Disk = 'vda' }; & { [CmdletBinding()] param() $PSCmdlet.WriteWarning('low') }"]);
        Assert.Contains("Disk", result.Output);
        Assert.Contains("WARNING: low\n", result.Output);
        Assert.DoesNotContain('\e', result.Output);
    }

    [Fact]
    public void A_modules_own_format_is_used()
    {
        Script("function Get-Disk { [pscustomobject]@{ PSTypeName = 'Lab.Disk'; T = 'vda'; S = 5; X = 1; Y = 2; Z = 3 } }", "Lab.psm1");
        string module = Script("@{ ModuleVersion = '1.0'; RootModule = 'Lab.psm1'; FormatsToProcess = 'Lab.ps1xml'; FunctionsToExport = 'Get-Disk' }", "Lab.psd1");
        Script(
            """
            <Configuration><ViewDefinitions><View><Name>d</Name><ViewSelectedBy><TypeName>Lab.Disk</TypeName></ViewSelectedBy>
            <TableControl><TableHeaders><TableColumnHeader><Label>Target</Label></TableColumnHeader></TableHeaders>
            <TableRowEntries><TableRowEntry><TableColumnItems><TableColumnItem><PropertyName>T</PropertyName></TableColumnItem>
            </TableColumnItems></TableRowEntry></TableRowEntries></TableControl></View></ViewDefinitions></Configuration>
            """,
            "Lab.ps1xml");
        ShellResult result = ShellProcess.Run(["-c", $"Import-Module '{module}'; Get-Disk"]);
        Assert.Equal(["Target", "------", "vda"], result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Trim()));
    }

    [Theory]
    [InlineData("y", "removed")]
    [InlineData("", "removed")]
    [InlineData("n", "kept")]
    [InlineData("no to all", "kept")]
    [InlineData("what\n?\nn", "kept")]
    public void A_confirmation_is_answered_by_standard_input(string answer, string expected)
    {
        ShellResult result = ShellProcess.Run(["-File", Script(Confirming)], answer + "\n");
        Assert.Contains("[Y] Yes  [A] Yes to All  [N] No  [L] No to All", result.Output);
        Assert.EndsWith($"{expected}\n", result.Output);
    }

    [Theory]
    [InlineData()]
    [InlineData("-NonInteractive")]
    public void A_confirmation_that_nobody_can_answer_is_an_error(params string[] options)
    {
        ShellResult result = ShellProcess.Run([.. options, "-File", Script("$ErrorActionPreference = 'Stop'\n" + Confirming)]);
        Assert.Equal(1, result.ExitCode);
        Assert.DoesNotContain("removed", result.Output);
        Assert.Contains("Remove", result.Error);
    }

    [Fact]
    public void A_mandatory_parameter_left_out_is_asked_for()
    {
        ShellResult result = ShellProcess.Run([Script("param([Parameter(Mandatory)] [int[]] $Sizes) $Sizes.Count")], "5\n6\n\n");
        Assert.EndsWith("2\n", result.Output);
    }

    [Fact]
    public void The_script_can_come_from_standard_input()
    {
        ShellResult result = ShellProcess.Run(["-File", "-", "-Name", "x"], "param($Name) \"name $Name\"; exit 5");
        Assert.Equal((5, "name x\n"), (result.ExitCode, result.Output));
    }

    [Fact]
    public void The_language_is_whole()
    {
        ShellResult result = ShellProcess.Run([Script(
            """
            class Disk { [string] $Target; [string] Path() { return "/dev/$($this.Target)" } }
            enum Level { File; Block }
            ([Disk]@{ Target = 'vda' }).Path()
            [Level]::Block
            (1..3 | ForEach-Object -Parallel { $_ * 2 } | Where-Object { $_ -gt 2 }).Count
            $text = sh -c 'echo err >&2; exit 4' 2>&1
            "$text $LASTEXITCODE"
            """)]);
        Assert.Equal("/dev/vda\nBlock\n2\nerr 4\n", result.Output);
        Assert.Empty(result.Error);
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    [InlineData("HUP", 129)]
    public void A_signal_stops_the_script_and_lets_it_clean_up(string signal, int expected)
    {
        using ShellProcess shell = ShellProcess.Start(Script(
            "try { [Console]::Out.WriteLine('ready'); while ($true) { [Threading.Thread]::Sleep(50) } } finally { [Threading.Thread]::Sleep(300); [Console]::Out.WriteLine('cleaned') }"));
        shell.ReadUntil("ready");
        shell.Signal(signal);
        shell.Signal(signal);
        ShellResult result = shell.Finish();
        Assert.Equal((expected, "cleaned\n"), (result.ExitCode, result.Output));
    }

    [Fact]
    public void A_signal_ends_the_waiting_for_an_answer()
    {
        using ShellProcess shell = ShellProcess.Start("-File", Script(Confirming));
        shell.ReadUntil("(default is \"Y\"): ");
        shell.Signal("TERM");
        Assert.Equal(143, shell.Finish().ExitCode);
    }

    [Fact]
    public void The_prompt_reads_commands_of_one_and_of_several_lines()
    {
        using ShellProcess shell = ShellProcess.StartOnTerminal();
        shell.ReadUntil("> ");
        shell.Type("20 + 3\r");
        shell.ReadUntil("\n23\r\n");
        shell.Type("if ($true) {\r");
        shell.ReadUntil(">> ");
        shell.Type("'in' + 'side'\r}\r");
        shell.ReadUntil("\ninside\r\n");
        shell.Type("exit 6\r");
        Assert.Equal(6, shell.Finish().ExitCode);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Ctrl_c_at_the_prompt_stops_the_command_and_not_the_shell(bool fromBackground)
    {
        using ShellProcess shell = fromBackground ? ShellProcess.StartOnTerminalFromBackground() : ShellProcess.StartOnTerminal();
        shell.ReadUntil("> ");
        shell.Type("[Console]::Out.WriteLine('rea' + 'dy'); while ($true) { }\r");
        shell.ReadUntil("\nready");
        shell.Type("\x03");
        shell.ReadUntil("> ");
        AssertGoesOn(shell);
    }

    [Fact]
    public void Ctrl_c_is_not_lost_when_it_is_faster_than_the_command()
    {
        using ShellProcess shell = ShellProcess.StartOnTerminal();
        shell.ReadUntil("> ");
        shell.Type("function prompt { \"line$((++$global:n))> \" }\r");
        shell.ReadUntil("line1> ");
        for (int i = 0; i < 20; i++)
        {
            // Each a little later: a key that waits behind the line's end, a signal before the pipeline runs, one after.
            shell.Type("while ($true) { }\r");
            Thread.Sleep(i);
            shell.Type("\x03");
            shell.ReadUntil($"line{i + 2}> ");
        }

        AssertGoesOn(shell);
    }

    [Fact]
    public void A_signal_at_the_prompt_drops_the_line()
    {
        using ShellProcess shell = ShellProcess.StartOnTerminal();
        shell.ReadUntil("> ");
        shell.Type("'dropped'");
        shell.ReadUntil("'dropped'");
        shell.SignalShell("INT");
        shell.ReadUntil("> ");
        AssertGoesOn(shell);
    }

    private static void AssertGoesOn(ShellProcess shell)
    {
        shell.Type("'still' + ' here'\r");
        shell.ReadUntil("\nstill here");
        shell.Type("exit\r");
        Assert.Equal(0, shell.Finish().ExitCode);
    }

    private string Script(string text, string name = "script.ps1")
    {
        string path = Path.Combine(_folder.FullName, name);
        File.WriteAllText(path, text);
        return path;
    }
}
