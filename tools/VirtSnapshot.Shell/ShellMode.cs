namespace VirtSnapshot.Shell;

/// <summary>What one run of the shell does.</summary>
internal enum ShellMode
{
    /// <summary>Read commands from a terminal until it ends.</summary>
    Interactive,

    /// <summary>Run the text of a command.</summary>
    Command,

    /// <summary>Run a script file.</summary>
    File,

    /// <summary>Print how the shell is used.</summary>
    Help,

    /// <summary>Print the shell's and the engine's version.</summary>
    Version,
}
