using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Methods.Qemu;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Snapshots;
using VirtSnapshot.Tests.Lab;
using VirtSnapshot.Tests.Methods.Volumes;
using Xunit;

namespace VirtSnapshot.Tests.Snapshots;

/// <summary>What a guest writes to an encrypted disk must not be found in plain text on the host.</summary>
public sealed class EncryptedDiskTests : VolumeTest
{
    private const string Key = "geheim";

    // Deriving the key takes a second of processor time.
    private static readonly Dictionary<string, Lazy<byte[]>> Fresh = new()
    {
        ["qcow2"] = new(() => Create("-f", "qcow2", "-o", "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10")),
        ["raw"] = new(() => Create("-f", "luks", "-o", "key-secret=s,iter-time=10")),
    };

    private readonly string secret = Guid.NewGuid().ToString("D");

    public EncryptedDiskTests(LabFixture lab)
        : base(lab)
    {
        var definition = Path.Combine(lab.Images, "encrypted-secret.xml");
        File.WriteAllText(definition, $"<secret ephemeral='no' private='yes'><uuid>{secret}</uuid></secret>");
        lab.Virsh("secret-define", definition);
        File.WriteAllText(definition, Key);
        lab.Virsh("secret-set-value", secret, "--file", definition, "--plain");
        Keep(new Undefined(lab, secret));
    }

    private string Encryption => $"<encryption format='luks'><secret type='passphrase' uuid='{secret}'/></encryption>";

    [Theory]
    [InlineData("qcow2", true)]
    [InlineData("qcow2", false)]
    [InlineData("raw", true)]
    [InlineData("raw", false)]
    public void No_overlay_is_put_on_an_encrypted_disk(string format, bool isRunning)
    {
        using var domain = Make(Lab.Images, format, isRunning);
        var (xml, files) = (domain.Domain.Xml, Files());

        var error = Engine.Refused(() => Engine.Take(domain.Domain, "one", method: "qemu"));

        Assert.Equal("MethodUnsuitable", error.ErrorId);
        Assert.Contains("encrypted", error.Message, StringComparison.Ordinal);
        Assert.Contains("reflink", error.Message, StringComparison.Ordinal);
        Assert.Equal("NoMethod", Engine.Refused(() => Engine.Take(domain.Domain, "one", quiescing: new QuiesceOptions())).ErrorId);
        Assert.Equal("MethodUnsuitable", Engine.Refused(() => Engine.Take(domain.Domain, "one", method: "qemu-internal")).ErrorId);
        var option = Engine.Settings.GetOptions([new DomainDisks(domain.Domain, domain.Domain.Disks)]).Single(option => option.Method == "qemu");
        Assert.Contains("encrypted", option.Reason, StringComparison.Ordinal);
        Assert.Equal((xml, files), (domain.Domain.Xml, Files()));
        if (!isRunning)
        {
            Lab.Virsh("start", domain.Name);
        }
    }

    [Fact]
    public void An_encrypted_base_of_a_shut_off_domain_is_known_by_its_header()
    {
        using var domain = Make(Lab.Images, "qcow2", isRunning: false);
        var overlay = Path.Combine(Lab.Images, $"{domain.Name}-clone.qcow2");
        LabScript.RunProgram("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", domain.Image(), "-F", "qcow2", overlay, "8M");
        using var clone = new BareDomain(Lab, "encrypted-clone", [BareDomain.FileDisk(overlay, "vda", "qcow2")], isRunning: false);

        var error = Engine.Refused(() => Engine.Take(clone.Domain, "one", method: "qemu"));

        Assert.Equal("MethodUnsuitable", error.ErrorId);
        Assert.Contains("encrypted", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_method_below_the_image_keeps_it_encrypted(bool isRunning)
    {
        using var domain = Make(Xfs().Folder, "qcow2", isRunning);
        var image = domain.Domain.FindDisk("vda")!.Source.Path!;
        var before = ImageDigest.OfFile(image);
        if (isRunning)
        {
            Assert.Equal("MethodUnsuitable", Engine.Refused(() => Engine.Take(domain.Domain, "one", method: "reflink", shield: ShieldUse.Always)).ErrorId);
        }

        var snapshot = Assert.Single(Engine.Take(domain.Domain, "one", method: "reflink"));

        Assert.Equal(isRunning ? Consistency.Paused : Consistency.Offline, snapshot.Consistency);
        Assert.Equal(before, ImageDigest.OfFile(snapshot.BackupSource.Path!));
        Lab.Virsh(isRunning ? "destroy" : "start", domain.Name);
        Lab.Virsh(isRunning ? "start" : "destroy", domain.Name);
        if (isRunning)
        {
            domain.Write(0x41, length: "1M");
            Lab.Virsh("destroy", domain.Name);
            Assert.Equal(0x41, ReadFirst(image));
        }

        Assert.NotEqual(isRunning, before == ImageDigest.OfFile(image));
        Engine.Restore(domain.Domain, "one");
        Assert.Equal(before, ImageDigest.OfFile(image));
        Lab.Virsh("start", domain.Name);
        Lab.Virsh("destroy", domain.Name);
        Engine.Remove(domain.Domain, Engine.List(domain.Domain));
        AssertNothingLeft(domain.Domain);
    }

    [Theory]
    [InlineData("qcow2")]
    [InlineData("raw")]
    public void A_plain_overlay_of_an_earlier_version_is_merged_only_while_the_domain_runs(string format)
    {
        using var domain = Make(Lab.Images, format, isRunning: true);
        var image = domain.Domain.FindDisk("vda")!.Source.Path!;
        TakeAsBefore(domain, format);
        domain.Write(0x41);
        Lab.Virsh("destroy", domain.Name);
        var (xml, files) = (domain.Domain.Xml, Files());
        var snapshot = Assert.Single(Engine.List(domain.Domain));

        // Where the secret is named within the source, only the running domain's definition proves that source.
        string[] refusals = ["DiskEncrypted", "DomainNotRunning"];
        Assert.Contains(Engine.RemovalRefused(domain.Domain, snapshot).ErrorId, refusals);
        Assert.Contains(Engine.Refused(() => Engine.Restore(domain.Domain, "one")).ErrorId, refusals);
        Assert.Equal((xml, files), (domain.Domain.Xml, Files()));
        Assert.Null(RunJournal.Read(domain.Domain));
        Lab.Virsh("start", domain.Name);
        Engine.Remove(domain.Domain, snapshot);
        Engine.AssertNothingLeft(domain.Domain);
        Lab.Virsh("destroy", domain.Name);
        Assert.Equal(0x41, ReadFirst(image, format));
        Lab.Virsh("start", domain.Name);
    }

    /// <summary>A running domain's set as it was taken before encrypted disks were refused.</summary>
    private void TakeAsBefore(BareDomain domain, string format)
    {
        var (now, disk) = (domain.Domain, domain.Domain.FindDisk("vda")!);
        var overlay = Path.ChangeExtension(disk.Source.Path!, "one.qcow2");
        var identity = SetIdentity.New(now.Uuid, SnapshotName.Parse("one"));
        File.WriteAllBytes(overlay, Qcow2Image.Empty(8 << 20, disk.Source.Path, format, new OverlayMark(identity, "vda", overlay, DateTimeOffset.UtcNow)));
        Lab.Virsh("snapshot-create-as", domain.Name, "one", "--disk-only", "--no-metadata", "--reuse-external", "--diskspec", $"vda,file={overlay}");
        var record = new SnapshotRecord(
            "vda",
            "qemu",
            disk.Source with { Format = format },
            XElement.Parse($"<overlay file='{overlay}' stem='{Path.GetFileNameWithoutExtension(disk.Source.Path)}'/>"))
        {
            Set = identity,
            Image = $"{disk.Source}",
        };
        using var native = DomainFinder.Open(now, TestContext.Current.CancellationToken);
        var set = new SnapshotSet(
            identity.Group, identity.Name, DateTimeOffset.UtcNow, null, [new SetDisk(record, Consistency.CrashConsistent, true)])
        {
            Identity = identity,
        };
        SnapshotCatalog.Write(native, now, set);
    }

    private BareDomain Make(string folder, string format, bool isRunning)
    {
        var image = Path.Combine(folder, "encrypted-vda.qcow2");
        File.WriteAllBytes(image, Fresh[format].Value);

        // libvirt takes the element in both places.
        var disk = format == "qcow2"
            ? BareDomain.Disk("file", $"<source file='{image}'>{Encryption}</source>", "vda", format)
            : BareDomain.FileDisk(image, "vda", format, Encryption);
        return new BareDomain(Lab, "encrypted", [disk], isRunning: isRunning);
    }

    private string Files() => string.Join('\n', Entries(Lab.Images));

    private static byte[] Create(params string[] what)
    {
        var image = Path.GetTempFileName();
        try
        {
            // QEMU measures how fast it derives a key, and gives up where the clock of processor time did not move meanwhile.
            // On some machines it moves in steps.
            string[] arguments = ["create", "-q", "--object", $"secret,id=s,data={Key}", .. what, image, "8M"];
            for (var tries = 1; LabScript.TryRunProgram("qemu-img", arguments) is { ExitCode: not 0 } failed; tries++)
            {
                Assert.Contains("Unable to get accurate CPU usage", failed.Errors, StringComparison.Ordinal);
                Assert.InRange(tries, 1, 50);
            }

            return File.ReadAllBytes(image);
        }
        finally
        {
            File.Delete(image);
        }
    }

    private static int ReadFirst(string image, string format = "qcow2")
    {
        var raw = Path.GetTempFileName();
        try
        {
            var options = format == "qcow2" ? "driver=qcow2,encrypt.format=luks,encrypt.key-secret=s" : "driver=luks,key-secret=s";
            string[] source = ["--object", $"secret,id=s,data={Key}", "--image-opts", $"{options},file.filename={image}"];
            LabScript.RunProgram("qemu-img", ["convert", "-n", .. source, "--target-image-opts", $"driver=raw,file.filename={Sized(raw)}"]);
            using var file = File.OpenRead(raw);
            return file.ReadByte();
        }
        finally
        {
            File.Delete(raw);
        }

        static string Sized(string path)
        {
            using var file = File.OpenWrite(path);
            file.SetLength(8 << 20);
            return path;
        }
    }

    private sealed class Undefined(LabFixture lab, string secret) : IDisposable
    {
        public void Dispose() => lab.Virsh("secret-undefine", secret);
    }
}
