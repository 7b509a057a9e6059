using VirtSnapshot.Domains;
using VirtSnapshot.Methods;
using VirtSnapshot.Quiescing;
using VirtSnapshot.Storage;

namespace VirtSnapshot.Snapshots;

/// <summary>
/// A planned set: everything that can fail early has been checked, and nothing has been touched. Holds the domain's lock until
/// it is disposed of.
/// </summary>
public sealed class SnapshotPlan : IDisposable
{
    private readonly DomainSession session;
    private readonly SnapshotRequest request;
    private readonly SetActs acts;
    private readonly IRunReporter reporter;

    private SnapshotPlan(
        DomainSession session,
        SnapshotRequest request,
        SetActs acts,
        IReadOnlyList<DiskPlan> disks,
        IRunReporter reporter)
    {
        this.session = session;
        this.request = request;
        this.acts = acts;
        this.reporter = reporter;
        Disks = disks;
    }

    /// <summary>The domain, as it is now.</summary>
    public VmDomain Domain => session.Domain;

    /// <summary>The snapshot's name.</summary>
    public SnapshotName Name => acts.Set.Name;

    /// <summary>The set's identity.</summary>
    public Guid Group => acts.Set.Group;

    /// <summary>What will be done to each disk.</summary>
    public IReadOnlyList<DiskPlan> Disks { get; }

    /// <inheritdoc cref="SnapshotEngine.PlanSnapshot"/>
    internal static SnapshotPlan Make(SnapshotEngine engine, SnapshotRequest request, IRunReporter reporter, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(reporter);
        var session = DomainSession.Open(engine, request.Domain, cancellation);
        try
        {
            return DomainSession.Guarded(request.Domain, "planning the snapshot", () => Make(session, request, reporter, cancellation));
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Takes the snapshots: all of them, or none.</summary>
    /// <param name="cancellation">Stops before the act; later, the set is finished.</param>
    /// <exception cref="VirtSnapshotException">It failed and was undone; if it could not be undone, the message says so.</exception>
    /// <exception cref="OperationCanceledException">It was stopped and undone.</exception>
    public IReadOnlyList<DiskSnapshot> Run(CancellationToken cancellation) =>
        new SnapshotRun(session, request.Quiescing, acts, reporter).Run(cancellation);

    /// <inheritdoc/>
    public void Dispose() => session.Dispose();

    private static SnapshotPlan Make(DomainSession session, SnapshotRequest request, IRunReporter reporter, CancellationToken cancellation)
    {
        var domain = session.Domain;
        RefuseUnfinishedRun(domain);
        if (PausedGuest.FindWarning(domain) is { } paused)
        {
            // Early: what has paused it may be why planning fails.
            reporter.Warning(paused);
        }

        foreach (var damaged in SnapshotCatalog.ReadDamaged(domain))
        {
            reporter.Warning(damaged.Warning);
        }

        DomainJobs.Refuse(session.Native, domain, cancellation);
        var name = request.Name ?? SnapshotName.ForTime(session.Engine.Now);
        var set = SetIdentity.New(domain.Uuid, name);
        using var ahead = ReadAhead(session);
        var chosen = SnapshotDisks.Choose(session.Engine.Methods, domain, request, new StorageProbe(() => session.Host, domain.Disks), reporter);
        RefuseUsedName(domain, name, chosen);
        var recorded = RecordProof.Own(session.Engine.Methods, session.ToRequest(), SnapshotCatalog.ReadDisks(domain));
        var writers = ImageWriters.Read(session.ToRequest());

        // A disk may be planned twice: on its own, and with those that get temporary overlays.
        var warned = new HashSet<string>(StringComparer.Ordinal);
        var shared = SharedImage.RefuseRunning(session.ToRequest(), writers, [.. chosen.Select(disk => disk.Disk)]);
        var canWait = domain is { IsActive: true, IsPaused: false };
        var acts = SetActs.Plan(session.Engine.Methods, set, RequestFor, chosen, request.Shield, canWait, reporter);
        foreach (var warning in shared)
        {
            reporter.Warning(warning);
        }

        Redefinition.Describe(Redefinition.FindBehind(session.ToRequest()))
            .Concat(Redefinition.Describe(domain, Redefinition.FindLost(session.Engine.Methods, session.ToRequest(), new FolderListing())))
            .ToList().ForEach(reporter.Warning);
        var pausesVcpus = acts.NeedVcpuPause;
        if (domain is { IsActive: true, IsPaused: false }
            && session.Host.WhyNoShell is not null
            && (pausesVcpus || request.Quiescing.Quiescence != Quiescence.None))
        {
            reporter.Warning(
                $"The host of domain '{domain.Name}' is accessible only through libvirt, so the guard that thaws its guest runs on this machine: "
                + "if this machine or the network fails within the freeze window, the guest stays frozen or paused until the network works again, "
                + $"or until you thaw it ('virsh domfsthaw {domain.Name}', 'virsh resume {domain.Name}').");
        }

        var plans = acts.Disks.Select(planned =>
        {
            var choice = chosen.First(disk => disk.Disk.Target == planned.Disk.Target);
            var overlay = acts.TemporaryOverlays.FirstOrDefault(disk => disk.Disk.Target == planned.Disk.Target);
            return new DiskPlan(
                planned.Disk,
                choice.Method.Name,
                choice.Level,
                choice.Reason,
                Expect(domain, request.Quiescing, planned, pausesVcpus),
                [.. planned.Files, .. overlay?.Files ?? []],
                overlay is not null);
        }).ToList();
        foreach (var plan in plans)
        {
            reporter.Verbose(plan.ToString());
        }

        return new SnapshotPlan(session, request, acts, plans, reporter);

        PlanRequest RequestFor(IEnumerable<SnapshotTarget> disks) => new(
            session.Native,
            domain,
            session.Host,
            set,
            [.. disks],
            request.OverlayDirectory,
            recorded,
            Warn)
        {
            Writers = writers,
            SwitchTime = request.Quiescing.SwitchTime,
        };

        void Warn(string message)
        {
            if (warned.Add(message))
            {
                reporter.Warning(message);
            }
        }
    }

    /// <summary>What all checks ask about, in one round trip.</summary>
    private static IDisposable? ReadAhead(DomainSession session)
    {
        var images = session.Domain.Disks.SelectMany(disk => disk.BackingChain.Prepend(disk.Source)).Select(layer => layer.Path).OfType<string>().ToList();
        return session.Host.WhyNoShell is null
            ? session.Host.ReadAhead(images.Concat(images.Select(image => Path.GetDirectoryName(image)).OfType<string>()))
            : null;
    }

    private static void RefuseUnfinishedRun(VmDomain domain)
    {
        if (RunJournal.Read(domain) is { } journal)
        {
            throw journal.ToFailure(domain);
        }
    }

    private static void RefuseUsedName(VmDomain domain, SnapshotName name, IReadOnlyList<SnapshotTarget> chosen)
    {
        var used = SnapshotCatalog.Read(domain)
            .Where(set => set.Name == name)
            .SelectMany(set => set.Disks)
            .FirstOrDefault(disk => chosen.Any(other => other.Disk.Target == disk.Record.Target));
        if (used is not null)
        {
            throw new VirtSnapshotException(
                FailureKind.ResourceExists,
                "SnapshotExists",
                domain,
                $"Disk '{used.Record.Target}' of domain '{domain.Name}' has a snapshot '{name}' already. Nothing was touched. Choose another -Name, or "
                + "remove that one first.");
        }
    }

    private static Consistency Expect(VmDomain domain, QuiesceOptions options, PlannedSnapshot planned, bool pausesVcpus) => domain switch
    {
        { IsActive: false } => Consistency.Offline,
        { IsPaused: true } when options.Quiescence == Quiescence.Required => throw new VirtSnapshotException(
            FailureKind.InvalidOperation,
            "GuestPaused",
            domain,
            $"Domain '{domain.Name}' is paused, so its guest agent cannot freeze the file systems, and unwritten data of the guest is not on the disks. "
            + "Nothing was touched. "
            + "Resume it, or leave out -QuiesceRequired for a snapshot of its paused state."),
        { IsPaused: true } => Consistency.Paused,
        _ when options.Quiescence == Quiescence.Required && planned.WhyNotQuiesced is { } why => throw new VirtSnapshotException(
            FailureKind.InvalidOperation,
            "CannotBeQuiesced",
            planned.Disk,
            $"Method '{planned.Record.Method}' cannot quiesce a disk of domain '{domain.Name}': {why}. Nothing was touched. "
            + "Change the cache mode, use method 'qemu', or leave out -QuiesceRequired."),
        { GuestAgent: GuestAgentState.Connected } when options.Quiescence != Quiescence.None =>
            planned.WhyNotQuiesced is null ? Consistency.Quiesced : Consistency.CrashConsistent,
        _ when options.Quiescence == Quiescence.Required => throw QuiesceUnavailableException.NotConnected(domain).ToFailure(domain),
        _ => pausesVcpus ? Consistency.Paused : Consistency.CrashConsistent,
    };
}
