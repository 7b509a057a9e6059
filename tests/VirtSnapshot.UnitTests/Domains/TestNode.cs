namespace VirtSnapshot.UnitTests.Domains;

/// <summary>A libvirt of its own making: the mock driver with the domains that a test wants.</summary>
internal sealed class TestNode : IDisposable
{
    private readonly string file = Path.Combine(Path.GetTempPath(), $"virtsnapshot-node-{Guid.NewGuid():N}.xml");

    public TestNode(params string[] domains) => File.WriteAllText(
        file,
        $"<node><domain type='test'>{string.Join("</domain><domain type='test'>", domains)}</domain></node>");

    public string Uri => $"test://{file}";

    /// <summary>A domain's definition. Its images need not be there: the mock driver opens none.</summary>
    public static string Domain(string name, params string[] targets) =>
        $"<name>{name}</name><memory>8192</memory><os><type>hvm</type></os><devices>"
        + string.Concat(targets.Select(target =>
            $"<disk type='file'><driver name='qemu' type='qcow2'/><source file='/images/{name}-{target}.qcow2'/><target dev='{target}' bus='virtio'/></disk>"))
        + "</devices>";

    public void Dispose() => File.Delete(file);
}
