using VirtSnapshot.Methods;
using VirtSnapshot.Storage;
using Xunit;

namespace VirtSnapshot.Tests.Cmdlets;

public sealed class StorageCommandTests : IDisposable
{
    private readonly TestNode node = new(
        TestNode.Domain("web1", "vda", "vdb"),
        TestNode.Domain("web2", "vda").Replace("/images/web2-vda.qcow2", "/etc/passwd", StringComparison.Ordinal).Replace("qcow2", "raw", StringComparison.Ordinal));

    private readonly PowerShellEngine engine = new();

    public void Dispose()
    {
        engine.Dispose();
        node.Dispose();
    }

    [Theory]
    [InlineData("Get-DiskStorageStack -Uri $uri", "web1/vda web1/vdb web2/vda")]
    [InlineData("Get-DiskStorageStack web1 vdb -Uri $uri", "web1/vdb")]
    [InlineData("Get-VmDomain -Uri $uri | Get-DiskStorageStack vda", "web1/vda web2/vda")]
    [InlineData("Get-VmDisk web1 -Uri $uri | Get-DiskStorageStack", "web1/vda web1/vdb")]
    [InlineData("Get-DiskStorageStack web1 vdb -Uri $uri | Get-DiskStorageStack", "web1/vdb")]
    [InlineData("@(Get-DiskSnapshotMethod web2 -All -Uri $uri)[0] | Get-DiskStorageStack", "web2/vda")]
    public void Stacks_of_disks_however_they_are_named(string script, string expected)
    {
        var result = engine.Run("param($uri) " + script, node.Uri);

        Assert.Empty(result.Errors);
        var stacks = result.Output.Select(item => Assert.IsType<StorageStack>(item.BaseObject)).ToList();
        Assert.Equal(expected, string.Join(' ', stacks.Select(stack => $"{stack.Domain}/{stack.Disk}")));
        Assert.All(stacks, stack => Assert.Equal((node.Uri, stack.Domain == "web2"), (stack.Uri, stack.Layers.OfType<FileSystemLayer>().Any())));
    }

    [Fact]
    public void A_stack_can_be_piped_on_to_what_takes_disks()
    {
        var result = engine.Run("param($uri) Get-DiskStorageStack web1 vdb -Uri $uri | Get-VmDisk", node.Uri);

        Assert.Empty(result.Errors);
        Assert.Equal(["web1/vdb"], result.Text);
    }

    [Fact]
    public void A_host_that_cannot_be_reached_is_one_error_and_the_others_are_looked_at()
    {
        var result = engine.Run("param($uri) Get-DiskStorageStack web1 -Uri 'qemu:///system?socket=/nowhere', $uri", node.Uri);

        Assert.Equal(["LibvirtUnreachable"], result.ErrorIds);
        Assert.Equal(2, result.Output.Count);
    }

    [Fact]
    public void Each_method_says_what_it_could_do_for_each_disk()
    {
        var result = engine.Run("param($uri) Get-VmDomain -Uri $uri | Get-DiskSnapshotMethod -All", node.Uri);

        Assert.Empty(result.Errors);
        var options = result.Output.Select(item => Assert.IsType<DiskMethodOption>(item.BaseObject)).ToList();
        Assert.Equal(["web1/vda", "web1/vdb", "web2/vda"], options.Select(option => $"{option.Domain}/{option.Disk}").Distinct());
        var qemu = options.First(option => option.Method == "qemu");
        Assert.Equal((StorageLevel.Image, false, false), (qemu.Level, qemu.IsChosen, qemu.CanServe));
        Assert.Equal("It cannot snapshot this disk: overlays need QEMU, and this is a domain of type 'test'.", qemu.Reason);
    }
}
