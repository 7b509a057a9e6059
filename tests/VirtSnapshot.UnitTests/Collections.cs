using Xunit;

// Each class is a collection, and collections run beside each other: no test here may change what another one sees, such as the product's static properties or
// a domain of test:///default, which all connections of a process share.
[assembly: CollectionBehavior(CollectionBehavior.CollectionPerClass)]

namespace VirtSnapshot.UnitTests;

/// <summary>
/// For tests that need their threads within a fraction of a second: they run one by one, after all others. Beside tests that keep the thread pool busy they
/// would have to wait for a thread.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class PromptTests
{
    public const string Name = "Prompt tests";
}
