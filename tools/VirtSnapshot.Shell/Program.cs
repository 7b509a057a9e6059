using System.Globalization;
using System.Management.Automation;

namespace VirtSnapshot.Shell;

internal static class Program
{
    public static int Main(string[] args)
    {
        // The engine reports its use to its makers unless told otherwise, and it is started for each cron job here.
        Environment.SetEnvironmentVariable("POWERSHELL_TELEMETRY_OPTOUT", "1");

        // The invariant culture has no name, and help is looked for in a folder of the culture's name.
        CultureInfo.DefaultThreadCurrentUICulture = CultureInfo.CurrentUICulture = new CultureInfo("en-US");

        ShellOptions options;
        try
        {
            options = ShellOptions.Parse(args);
        }
        catch (UsageException e)
        {
            Console.Error.WriteLine($"VirtSnapshot.Shell: {e.Message} --help says what there is.");
            return ExitCode.Usage;
        }

        switch (options.Mode)
        {
            case ShellMode.Help:
                Console.WriteLine(ShellOptions.Help);
                return ExitCode.Success;
            case ShellMode.Version:
                Console.WriteLine($"VirtSnapshot.Shell {typeof(Program).Assembly.GetName().Version!.ToString(3)}, PowerShell engine {PSVersionInfo.PSVersion}");
                return ExitCode.Success;
        }

        using ShellSession session = new(options.Mode == ShellMode.Interactive, options.NonInteractive);
        return options.Mode switch
        {
            ShellMode.File => session.RunFile(options.Text, options.Arguments),
            ShellMode.Command => session.RunCommand(options.Text),
            _ => session.RunInteractive(),
        };
    }
}
