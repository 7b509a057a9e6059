using VirtSnapshot.Tests.Lab;

namespace VirtSnapshot.Tests.Faults;

/// <summary>
/// A backup job of a domain's first disk: it holds the domain's job lock until it is aborted, which happens at the latest when it is disposed of.
/// </summary>
internal sealed class BackupJob : IDisposable
{
    private readonly LabFixture lab;
    private readonly string domain;

    private BackupJob(LabFixture lab, string domain)
    {
        this.lab = lab;
        this.domain = domain;
    }

    private string Folder => Path.Combine(lab.Images, $"{domain}-backup");

    private string Definition => FileOf("definition.xml");

    public static BackupJob Begin(LabFixture lab, string domain)
    {
        var job = new BackupJob(lab, domain);

        // QEMU's own user makes its socket there.
        Directory.CreateDirectory(job.Folder);
        File.SetUnixFileMode(job.Folder,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute);
        File.WriteAllText(job.Definition, $"""
            <domainbackup mode='pull'>
              <server transport='unix' socket='{job.FileOf("socket")}'/>
              <disks>
                <disk name='vda' backup='yes' type='file'><scratch file='{job.FileOf("scratch")}'/></disk>
              </disks>
            </domainbackup>
            """);
        lab.Virsh("backup-begin", domain, job.Definition);
        return job;
    }

    /// <summary>Ends the job after a while, beside the test.</summary>
    public Task EndAfter(TimeSpan time) => Task.Run(() =>
    {
        TimeSpent.Sleep(time);
        lab.Virsh("domjobabort", domain);
    });

    public void Dispose()
    {
        LabScript.TryRunProgram("virsh", "-q", "-c", lab.Uri, "domjobabort", domain);
        Directory.Delete(Folder, recursive: true);
    }

    private string FileOf(string what) => Path.Combine(Folder, what);
}
