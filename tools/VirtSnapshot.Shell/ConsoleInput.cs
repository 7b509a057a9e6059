namespace VirtSnapshot.Shell;

/// <summary>
/// Standard input that can be given up: the system's reads cannot be interrupted, so they run aside, and one given up
/// is taken up again by the next reader.
/// </summary>
internal sealed class ConsoleInput
{
    private readonly Queue<ConsoleKeyInfo> _typedAhead = new();
    private Task<string?>? _line;
    private Task<ConsoleKeyInfo>? _key;

    public static bool IsTerminal => !Console.IsInputRedirected;

    /// <summary>Whether a key can be had at once.</summary>
    public bool KeyAvailable => _typedAhead.Count > 0 || (_key?.IsCompleted ?? Console.KeyAvailable);

    public static bool IsInterrupt(ConsoleKeyInfo key) => key is { Key: ConsoleKey.C, Modifiers: ConsoleModifiers.Control };

    /// <summary>The next line; <see langword="null"/> at the end of the input.</summary>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    public string? ReadLine(CancellationToken cancellation) => Await(ref _line, Console.In.ReadLine, cancellation);

    /// <summary>The next key, not echoed.</summary>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    public ConsoleKeyInfo ReadKey(CancellationToken cancellation) =>
        _typedAhead.TryDequeue(out ConsoleKeyInfo key) ? key : Await(ref _key, () => Console.ReadKey(intercept: true), cancellation);

    /// <summary>
    /// Takes Ctrl+C out of what was typed ahead, and with it what was typed before: while a line was read, it was a key
    /// and no signal.
    /// </summary>
    /// <returns>Whether it was typed.</returns>
    public bool TakeInterrupt()
    {
        while (_key is null && Console.KeyAvailable)
        {
            _typedAhead.Enqueue(Console.ReadKey(intercept: true));
        }

        ConsoleKeyInfo[] keys = [.. _typedAhead];
        int last = Array.FindLastIndex(keys, IsInterrupt);
        for (int i = 0; i <= last; i++)
        {
            _typedAhead.Dequeue();
        }

        return last >= 0;
    }

    private static T Await<T>(ref Task<T>? pending, Func<T> read, CancellationToken cancellation)
    {
        pending ??= Task.Factory.StartNew(read, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        pending.WaitAsync(cancellation).GetAwaiter().GetResult();
        T result = pending.Result;
        pending = null;
        return result;
    }
}
