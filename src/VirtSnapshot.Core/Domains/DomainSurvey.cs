using System.Diagnostics;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;

namespace VirtSnapshot.Domains;

/// <summary>
/// Reads many domains without one delaying the others. Newer libvirt (11.3, not 9.0) returns a definition only if no other call waits for the
/// domain's QEMU, else after up to 30 s. A domain whose QEMU hangs is therefore returned last, with a shorter time limit.
/// </summary>
/// <param name="promptTime">After this time, the next domain is read.</param>
/// <param name="answerTime">The time limit for one domain.</param>
internal sealed class DomainSurvey(TimeSpan promptTime, TimeSpan answerTime)
{
    /// <summary>A definition is read in milliseconds, or in up to two seconds on a very busy host.</summary>
    public static readonly TimeSpan PromptTime = TimeSpan.FromSeconds(2);

    /// <summary>Long enough for a slow call of another client, and much shorter than libvirt's own 30 s.</summary>
    public static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(10);

    /// <summary>Reads all domains of a connection.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="read">Reads one.</param>
    /// <param name="skipped">Called with the name of each domain that does not respond. If it is null, libvirt's own time limit applies.</param>
    public static IReadOnlyList<T> ReadAll<T>(LibvirtConnection connection, Func<LibvirtDomain, T> read, Action<string>? skipped)
    {
        var results = new List<T>();
        if (skipped is null)
        {
            foreach (var native in connection.ListDomains())
            {
                using (native)
                {
                    try
                    {
                        results.Add(read(native));
                    }
                    catch (LibvirtException e) when (e.Code == LibvirtErrorCode.OperationTimeout)
                    {
                        // The images of this domain must be known, so this is an error. It names the domain.
                        throw DomainFinder.NotResponding(connection.Uri, native.Name);
                    }
                }
            }

            return results;
        }

        var survey = new DomainSurvey(PromptTime, AnswerTime);
        foreach (var (name, answer) in survey.Read(connection.Uri, connection.ListDomains(), _ => true, read, CancellationToken.None))
        {
            if (answer is null)
            {
                skipped(name);
            }
            else
            {
                results.Add(answer.GetAwaiter().GetResult());
            }
        }

        return results;
    }

    /// <summary>Reads the wanted domains of a connection, sorted by name; those that do not respond promptly are returned last.</summary>
    /// <param name="uri">The given URI of the connection.</param>
    /// <param name="domains">All its domains; they are disposed of. If one did not respond, a call is still running on the connection.</param>
    /// <param name="isWanted">Selects names.</param>
    /// <param name="read">Reads one, on another thread.</param>
    /// <param name="cancellation">Cancels the wait.</param>
    /// <param name="abandon">Called at the end if a call is still running on the connection; it gives up the connection.</param>
    /// <returns>The domains' names, each with a completed call; null if it has not completed, or if libvirt timed out waiting for QEMU.</returns>
    public IEnumerable<(string Name, Task<T>? Answer)> Read<T>(
        string uri,
        IReadOnlyList<LibvirtDomain> domains,
        Predicate<string> isWanted,
        Func<LibvirtDomain, T> read,
        CancellationToken cancellation,
        Action? abandon = null)
    {
        var listed = domains.ToDictionary(native => native.Uuid);
        var wanted = listed.Select(native => (native.Value.Name, Uuid: native.Key))
            .Where(domain => isWanted(domain.Name))
            .OrderBy(domain => domain.Name, StringComparer.Ordinal)
            .ToList();
        var used = listed.Values.ToList();
        var fresh = new List<RentedConnection>();
        var late = new List<(string Name, Task<T> Answer, long Start)>();
        try
        {
            foreach (var (name, uuid) in wanted)
            {
                cancellation.ThrowIfCancellationRequested();
                if (!listed.TryGetValue(uuid, out var native))
                {
                    // It was undefined after the first listing.
                    continue;
                }

                late.Add((name, Task.Run(() => read(native), CancellationToken.None), Stopwatch.GetTimestamp()));
                if (HasEnded(late[^1].Answer, promptTime, cancellation))
                {
                    yield return (name, Answered(late[^1].Answer));
                    late.RemoveAt(late.Count - 1);
                    continue;
                }

                // Its connection is busy until libvirt replies.
                fresh.Add(ConnectionPool.Rent(uri));
                listed = fresh[^1].Connection.ListDomains().ToDictionary(domain => domain.Uuid);
                used.AddRange(listed.Values);
            }

            foreach (var (name, answer, start) in late)
            {
                var rest = answerTime - Stopwatch.GetElapsedTime(start);
                yield return (name, HasEnded(answer, rest > TimeSpan.Zero ? rest : TimeSpan.Zero, cancellation) ? Answered(answer) : null);
            }
        }
        finally
        {
            var isBusy = late.Exists(domain => !domain.Answer.IsCompleted);
            late.ForEach(domain => _ = domain.Answer.ContinueWith(static ended => _ = ended.Exception, TaskScheduler.Default));
            used.ForEach(native => native.Dispose());
            if (isBusy)
            {
                abandon?.Invoke();
            }

            foreach (var rented in fresh)
            {
                if (isBusy)
                {
                    rented.Abandon();
                }
                else
                {
                    rented.Dispose();
                }
            }
        }
    }

    private static Task<T>? Answered<T>(Task<T> answer) =>
        answer.Exception?.InnerException is LibvirtException { Code: LibvirtErrorCode.OperationTimeout } ? null : answer;

    private static bool HasEnded(Task task, TimeSpan limit, CancellationToken cancellation) =>
        Task.WaitAny([task], (int)limit.TotalMilliseconds, cancellation) == 0;
}
