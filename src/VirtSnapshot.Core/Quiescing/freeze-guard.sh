# Thaws a guest, or lets a paused one go on, when nobody else does. Arguments: URI, and "spare" where the domain is not known yet.
#
# The run that started us says "watch UUID SECONDS", then "freezing" before it freezes (our answer: "watching"), and "thawed" when its own thaw is confirmed, or
# "reset" when the guest was reset, which ends a freeze. If it dies (its end of the pipe closes) or SECONDS pass first, the thaw is ours, until the agent itself
# answers that nothing is frozen. In the same way "pausing" and "resumed" stand around a pause of the whole guest.
trap '' HUP INT TERM PIPE
uri=$1 kind=$2 refused=''

# Whatever virsh would like to be told, it must not take it from our pipe.
ask() { timeout -s KILL 60 virsh -q -c "$uri" "$@" 2>&1 </dev/null; }

# Before anything is frozen: is virsh there, does libvirt let us in? A spare tries that long before it is needed. Who knows
# the domain also tries to change it: the bound on the agent's answers is what a frozen guest needs first of all.
if [ "$kind" = spare ]; then
    complaint=$(ask uri) || refused=1
    read -r word uuid seconds || exit 0
else
    read -r word uuid seconds || exit 0
    complaint=$(ask guest-agent-timeout "$uuid" --timeout "$seconds") || refused=1
fi
if [ "$refused" ]; then
    echo "refused $complaint" | tr '\n' ' '
    exit 1
fi
echo ready

# A thaw without mount points: with them libvirt refuses. That it succeeded is not believed: the agent is asked.
thaw() {
    ask domfsthaw "$uuid" >/dev/null
    case $(ask qemu-agent-command "$uuid" --timeout 5 '{"execute":"guest-fsfreeze-status"}') in
    *'"thawed"'*) return 0 ;;
    esac
    return 1
}

# Only a list that was answered proves that the domain does not run: virsh reports a lost connection and a lost domain alike.
is_gone() {
    running=$(ask list --uuid) || return 1
    case $running in
    *"$uuid"*) return 1 ;;
    esac
}

# A domain whose memory is saved continues from it, frozen or paused as it was saved. If it is shut off otherwise, there is nothing
# left to do. A transient domain that is gone may come back from a file: for libvirt it does not exist until then.
may_return() {
    known=$(ask list --uuid --all) || return 0
    case $known in
    *"$uuid"*) ;;
    *) return 0 ;;
    esac
    case $(ask domstate "$uuid" --reason) in
    'shut off (saved)'*) return 0 ;;
    'shut off'*) ;;
    *) return 0 ;;
    esac
    case $(ask dominfo "$uuid") in
    *'Managed save:'*yes*) return 0 ;;
    esac
    return 1
}

# Repeats $1, thaw or resume, until it is done; ends the guard when there is nothing left to do it to. While the domain does not run, it is only looked for.
repeat() {
    until "$1"; do
        while is_gone; do
            may_return || exit 0
            returned=1
            rest
        done
        rest
    done
}

# Only what a call has paused: an I/O error, a lost lease or a migration has its own reasons, and its own end. A libvirtd that died
# in the middle of that call no longer knows the reason. A domain that was saved paused is "migrating" when it has returned.
returned=''
resume() {
    case $(ask domstate "$uuid" --reason) in
    'paused (user)'* | 'paused (unknown)'*) ask resume "$uuid" >/dev/null ;;
    'paused (migrating)'*) [ -z "$returned" ] || ask resume "$uuid" >/dev/null ;;
    running* | paused*) return 0 ;;
    *) return 1 ;;
    esac
}

# A host that is gone for good is given up after a day.
tries=0
rest() {
    tries=$((tries + 1))
    [ $tries -lt 8700 ] || exit 1
    if [ $tries -gt 60 ]; then sleep 10; else sleep 1; fi
}

read -r word
[ "$word" = thawed ] && exit 0
case $word in
freezing)
    echo watching
    word=$(timeout "$seconds" head -n 1)
    case $word in
    thawed) exit 0 ;;
    reset) ;;
    *)
        repeat thaw
        # A freeze that waited in libvirt behind another call to the agent may have landed after that answer.
        sleep 2
        repeat thaw
        ;;
    esac
    ;;
pausing)
    echo watching
    word=$(timeout "$seconds" head -n 1)
    case $word in
    resumed | thawed) ;;
    *)
        repeat resume
        # As above: the pause may have waited in libvirt until now.
        sleep 2
        repeat resume
        ;;
    esac
    ;;
esac
ask guest-agent-timeout "$uuid" --timeout -2 >/dev/null
