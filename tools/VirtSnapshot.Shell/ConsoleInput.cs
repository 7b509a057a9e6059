namespace VirtSnapshot.Shell;

/// <summary>
/// Standard input that can be given up: the system's reads cannot be interrupted, so they run aside, and one given up
/// is taken up again by the next reader.
/// </summary>
internal sealed class ConsoleInput
{
    private Task<string?>? _line;
    private Task<ConsoleKeyInfo>? _key;

    public static bool IsTerminal => !Console.IsInputRedirected;

    /// <summary>The next line; <see langword="null"/> at the end of the input.</summary>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    public string? ReadLine(CancellationToken cancellation) => Await(ref _line, Console.In.ReadLine, cancellation);

    /// <summary>The next key, not echoed.</summary>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    public ConsoleKeyInfo ReadKey(CancellationToken cancellation) => Await(ref _key, () => Console.ReadKey(intercept: true), cancellation);

    private static T Await<T>(ref Task<T>? pending, Func<T> read, CancellationToken cancellation)
    {
        pending ??= Task.Factory.StartNew(read, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        pending.WaitAsync(cancellation).GetAwaiter().GetResult();
        T result = pending.Result;
        pending = null;
        return result;
    }
}
