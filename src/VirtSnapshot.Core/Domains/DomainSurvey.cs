using System.Diagnostics;
using VirtSnapshot.Libvirt;
using VirtSnapshot.Native;

namespace VirtSnapshot.Domains;

/// <summary>
/// Reads many domains, none of which delays the others. Newer libvirt (11.3, not 9.0) returns a definition only while no other call waits for the
/// domain's QEMU, or after 30 s. So a domain whose QEMU hangs comes last, and is not waited for that long.
/// </summary>
/// <param name="promptTime">How long the next domain waits for one.</param>
/// <param name="answerTime">How long one is waited for in all.</param>
internal sealed class DomainSurvey(TimeSpan promptTime, TimeSpan answerTime)
{
    /// <summary>A definition is read in milliseconds, and in a second or two on a very busy host.</summary>
    public static readonly TimeSpan PromptTime = TimeSpan.FromSeconds(2);

    /// <summary>Long enough for another call that takes its time, and much less than libvirt's own 30 s.</summary>
    public static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(10);

    /// <summary>Reads all domains of a connection.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="read">Reads one.</param>
    /// <param name="skipped">Hears the names of domains that do not respond. Where it is null, they are waited for until libvirt gives up.</param>
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
                        // What it uses must be known, and who reads the error looks at the right domain.
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

    /// <summary>Reads the wanted domains of a connection in the order of their names, those that do not answer promptly last.</summary>
    /// <param name="uri">The URI that the connection was asked for with.</param>
    /// <param name="domains">All its domains; they are disposed of. Where one did not answer, a call is still running on the connection.</param>
    /// <param name="isWanted">Which names are wanted.</param>
    /// <param name="read">Reads one, on another thread.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <param name="abandon">Gives up the connection, at the end, where a call is still running on it.</param>
    /// <returns>The domains' names, each with a call that has ended; null where it has not, or where libvirt itself gave up waiting for QEMU.</returns>
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
                    // Gone since it was listed first.
                    continue;
                }

                late.Add((name, Task.Run(() => read(native), CancellationToken.None), Stopwatch.GetTimestamp()));
                if (HasEnded(late[^1].Answer, promptTime, cancellation))
                {
                    yield return (name, Answered(late[^1].Answer));
                    late.RemoveAt(late.Count - 1);
                    continue;
                }

                // Its connection is busy until libvirt answers.
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
