namespace VirtSnapshot.Tests.Lab;

/// <summary>An ordinary user of this machine, with or without sudo; gone when disposed of.</summary>
public sealed class HostAccount : IDisposable
{
    private readonly string sudoers;

    public HostAccount(bool hasSudo, string shell = "/bin/sh")
    {
        Name = $"vs-lab-{Guid.NewGuid().ToString("N")[..8]}";
        sudoers = $"/etc/sudoers.d/{Name}";
        LabScript.RunProgram("useradd", "--create-home", "--home-dir", $"/tmp/{Name}", "--shell", shell, "--password", "*", Name);
        if (hasSudo)
        {
            File.WriteAllText(sudoers, $"{Name} ALL=(root) NOPASSWD: ALL\n");
            File.SetUnixFileMode(sudoers, UnixFileMode.UserRead | UnixFileMode.GroupRead);
        }
    }

    public string Name { get; }

    public void Dispose()
    {
        File.Delete(sudoers);
        LabScript.TryRunProgram("pkill", "-KILL", "-u", Name);
        LabScript.TryRunProgram("userdel", "--remove", Name);
    }
}
