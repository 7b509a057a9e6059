using System.Diagnostics;
using System.Globalization;
using VirtSnapshot.Tests.Cmdlets;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Faults;

/// <summary>A QEMU that hangs while a call waits for it. Newer libvirt then returns the domain's definition only after 30 s.</summary>
[Trait("Debian13", "yes")]
public sealed class HungQemuTests(LabFixture lab)
{
    [Fact]
    public void A_domain_whose_qemu_hangs_delays_no_other_and_is_one_error()
    {
        using var hung = new BareDomain(lab, "hung-a");
        using var healthy = new BareDomain(lab, "hung-b");
        Engine.Take(healthy.Domain, "s1");
        using var engine = new PowerShellEngine();
        using (var qemu = new StoppedQemu(lab, hung))
        {
            string[] errors = qemu.DelaysDefinition ? ["DomainNotResponding"] : [];
            var listed = engine.Run(
                """
                param($uri)
                $clock = [Diagnostics.Stopwatch]::StartNew()
                Get-VmDomain hung-* -Uri $uri | ForEach-Object { "$($_.Name) $($clock.ElapsedMilliseconds)" }
                """,
                lab.Uri);
            Assert.Equal(errors, listed.ErrorIds);
            var found = listed.Text.Select(line => line.Split(' ')).ToDictionary(line => line[0], line => int.Parse(line[1], CultureInfo.InvariantCulture));
            Assert.Equal(qemu.DelaysDefinition ? ["hung-b"] : ["hung-a", "hung-b"], found.Keys.Order());
            Assert.True(found["hung-b"] < 8000, $"The healthy domain was listed after {found["hung-b"]} ms.");

            var clock = Stopwatch.StartNew();
            var snapshots = engine.Run("param($uri) (Get-DiskSnapshot hung-* -Uri $uri).Name", lab.Uri);
            Assert.Equal(errors, snapshots.ErrorIds);
            Assert.Equal(["s1"], snapshots.Text);
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(25), $"The snapshots were listed after {clock.Elapsed}.");

            Assert.Equal(errors, engine.Run("param($uri) $null = Get-VmDomain hung-a -Uri $uri", lab.Uri).ErrorIds);
        }

        Assert.Empty(engine.Run("param($uri) Get-VmDomain hung-* -Uri $uri", lab.Uri).Errors);
        Engine.Remove(healthy.Domain, Engine.List(healthy.Domain));
    }

    /// <summary>A QEMU that is stopped, with a call waiting for it, until it is disposed of.</summary>
    private sealed class StoppedQemu : IDisposable
    {
        private readonly string process;
        private readonly Process call;

        public StoppedQemu(LabFixture lab, BareDomain domain)
        {
            process = Directory.GetDirectories("/proc").Select(folder => Path.GetFileName(folder)).First(id => int.TryParse(id, out _) && IsQemuOf(domain, id));
            LabScript.RunProgram("kill", "-STOP", process);
            var waiting = new ProcessStartInfo("virsh", ["-c", lab.Uri, "domblkinfo", domain.Name, "vda"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            call = Process.Start(waiting)!;
            Thread.Sleep(1000);
            DelaysDefinition = LabScript.TryRunProgram("timeout", "5", "virsh", "-c", lab.Uri, "dumpxml", domain.Name).ExitCode != 0;
        }

        /// <summary>Whether this libvirt lets a definition wait for the call.</summary>
        public bool DelaysDefinition { get; }

        public void Dispose()
        {
            LabScript.RunProgram("kill", "-CONT", process);
            call.WaitForExit();
            call.Dispose();
        }

        private static bool IsQemuOf(BareDomain domain, string process)
        {
            try
            {
                var command = File.ReadAllText($"/proc/{process}/cmdline");
                return command.Contains($"guest={domain.Name},", StringComparison.Ordinal) && command.Contains(domain.Image(), StringComparison.Ordinal);
            }
            catch (IOException)
            {
                // It has ended since it was listed.
                return false;
            }
        }
    }
}
