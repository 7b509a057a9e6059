using System.Xml.Linq;
using VirtSnapshot.Domains;
using VirtSnapshot.Tests.Lab;
using Xunit;

namespace VirtSnapshot.Tests.Forged;

/// <summary>A domain with a definition of its own, gone when disposed of; its images stay.</summary>
internal sealed class DefinedDomain : IDisposable
{
    private readonly LabFixture lab;

    public DefinedDomain(LabFixture lab, string name, XElement definition)
    {
        this.lab = lab;
        Name = name;
        var file = Path.Combine(lab.Images, $"{name}-definition.xml");
        File.WriteAllText(file, definition.ToString());
        lab.Virsh("define", file);
        File.Delete(file);
    }

    public string Name { get; }

    /// <summary>The domain as it is now.</summary>
    public VmDomain Domain => DomainFinder.FindOne(lab.Uri, Name, TestContext.Current.CancellationToken);

    public void Dispose()
    {
        lab.TryVirsh("destroy", Name);
        lab.TryVirsh("undefine", Name);
    }
}
