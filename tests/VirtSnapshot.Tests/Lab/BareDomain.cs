using System.Security;
using VirtSnapshot.Domains;
using Xunit;

namespace VirtSnapshot.Tests.Lab;

/// <summary>
/// A domain of real QEMU in which nothing runs: it starts in half a second, and a test decides byte for byte what is written
/// to its disks. Gone with its images when disposed of.
/// </summary>
public sealed class BareDomain : IDisposable
{
    private readonly LabFixture lab;

    /// <param name="lab">The lab.</param>
    /// <param name="name">Its name, by purpose.</param>
    /// <param name="disks"><c>&lt;disk&gt;</c> elements, and other devices; one empty qcow2 file where there are none.</param>
    /// <param name="isTransient">Only started, never defined.</param>
    /// <param name="isRunning">Whether it is started.</param>
    /// <param name="firmware">What its <c>&lt;os&gt;</c> holds beside the type: <see cref="Uefi"/>.</param>
    public BareDomain(LabFixture lab, string name, IReadOnlyList<string>? disks = null, bool isTransient = false, bool isRunning = true, string firmware = "")
    {
        this.lab = lab;
        Name = name;
        Definition = Path.Combine(lab.Images, $"{name}-definition.xml");
        File.WriteAllText(Definition, $"""
            <domain type='qemu'>
              <name>{name}</name>
              <memory unit='MiB'>32</memory>
              <vcpu>1</vcpu>
              <os><type arch='x86_64' machine='q35'>hvm</type>{firmware}</os>
              {(firmware.Length > 0 ? "<features><acpi/></features>" : "")}
              <cpu mode='maximum'/>
              <devices>
                <controller type='usb' model='none'/>
                <memballoon model='none'/>
                {string.Concat(disks ?? [Qcow2(lab, name, "vda")])}
              </devices>
            </domain>
            """);
        if (isTransient)
        {
            lab.Virsh("create", Definition);
            return;
        }

        lab.Virsh("define", Definition);
        if (isRunning)
        {
            lab.Virsh("start", name);
        }
    }

    public string Name { get; }

    /// <summary>The file that it was made from.</summary>
    public string Definition { get; }

    /// <summary>The domain as it is now.</summary>
    public VmDomain Domain => DomainFinder.FindOne(lab.Uri, Name, TestContext.Current.CancellationToken);

    public string Image(string target = "vda") => ImageOf(lab, Name, target);

    /// <summary>A fresh qcow2 image below the lab, and the <c>&lt;disk&gt;</c> that uses it.</summary>
    public static string Qcow2(LabFixture lab, string domain, string target, string size = "8M", string extra = "")
    {
        var image = ImageOf(lab, domain, target);
        File.Copy(lab.BlankQcow2(size), image, overwrite: true);
        return FileDisk(image, target, "qcow2", extra);
    }

    /// <summary>UEFI variables, under a firmware that halts at once. Both are below the lab, and what the domain's name begins with, goes with it.</summary>
    public static string Uefi(LabFixture lab, string domain, byte content = 0)
    {
        const byte halt = 0xf4;
        var (code, variables) = (Path.Combine(lab.Images, $"{domain}-code.fd"), NvramOf(lab, domain));
        File.WriteAllBytes(code, [.. Enumerable.Repeat(halt, 128 << 10)]);
        File.WriteAllBytes(variables, Variables(content));
        return $"<loader readonly='yes' type='pflash'>{code}</loader><nvram>{variables}</nvram>";
    }

    public static string NvramOf(LabFixture lab, string domain) => Path.Combine(lab.Images, $"{domain}-nvram.fd");

    /// <summary>What passes for UEFI variables.</summary>
    public static byte[] Variables(byte content)
    {
        var variables = Enumerable.Repeat(content, 128 << 10).ToArray();
        "_FVH"u8.CopyTo(variables.AsSpan(40));
        return variables;
    }

    public static string FileDisk(string image, string target, string format, string extra = "") =>
        Disk("file", $"<source file='{SecurityElement.Escape(image)}'/>", target, format, extra);

    public static string Disk(string type, string source, string target, string format, string extra = "") =>
        $"<disk type='{type}' device='disk'><driver name='qemu' type='{format}'/>{source}<target dev='{target}' bus='virtio'/>{extra}</disk>";

    /// <summary>Writes as the guest would: through the disk's device in QEMU, to whatever image it has at the moment.</summary>
    public void Write(byte pattern, string offset = "0", string length = "64k", string target = "vda")
    {
        var device = $"/machine/peripheral/virtio-disk{target[^1] - 'a'}/virtio-backend";
        foreach (var command in new[] { $"write -P {pattern} {offset} {length}", "flush" })
        {
            // What qemu-io says goes to QEMU's log, not here; tests read the data back.
            lab.Virsh("qemu-monitor-command", "--hmp", Name, $"qemu-io -d {device} \"{command}\"");
        }
    }

    /// <summary>Writes into an image that no QEMU has open.</summary>
    public static void WriteOffline(string image, byte pattern, string offset = "0", string length = "64k", string format = "qcow2") =>
        LabScript.RunProgram("qemu-io", "-f", format, "-c", $"write -P {pattern} {offset} {length}", image);

    public void Dispose()
    {
        lab.TryVirsh("destroy", Name);
        lab.TryVirsh("undefine", Name, "--managed-save", "--snapshots-metadata", "--checkpoints-metadata", "--keep-nvram");
        foreach (var image in Directory.GetFiles(lab.Images, $"{Name}-*"))
        {
            File.Delete(image);
        }
    }

    private static string ImageOf(LabFixture lab, string domain, string target) => Path.Combine(lab.Images, $"{domain}-{target}.qcow2");
}
