# Thaws a guest, or resumes a paused one, if the run does not. Arguments: URI, and "spare" if the domain is not known yet.
#
# The run sends "watch UUID SECONDS", then "freezing" before it freezes (the reply is "watching"), and "thawed" when its thaw is confirmed, or "reset"
# when the guest was reset, which ends a freeze. If the run dies (the pipe closes) or SECONDS pass before, this script thaws until the agent confirms
# that nothing is frozen. In the same way, "pausing" and "resumed" enclose a pause of the vCPUs.
trap '' HUP INT TERM PIPE
uri=$1 kind=$2 refused=''

# virsh must not read the run's messages from stdin, for instance for a password prompt.
call() { timeout -s KILL 60 virsh -q -c "$uri" "$@" 2>&1 </dev/null; }

# Before a freeze: tests virsh and the access to libvirt. A spare guard does this in advance. If the domain is known, setting the agent's timeout
# tests write access; a frozen guest needs that timeout first.
if [ "$kind" = spare ]; then
    errors=$(call uri) || refused=1
    read -r word uuid seconds || exit 0
else
    read -r word uuid seconds || exit 0
    errors=$(call guest-agent-timeout "$uuid" --timeout "$seconds") || refused=1
fi
if [ "$refused" ]; then
    echo "refused $errors" | tr '\n' ' '
    exit 1
fi
echo ready

# A thaw without mount points, with which libvirt would reject it. Its result is not trusted: the freeze status is queried.
thaw() {
    call domfsthaw "$uuid" >/dev/null
    case $(call qemu-agent-command "$uuid" --timeout 5 '{"execute":"guest-fsfreeze-status"}') in
    *'"thawed"'*) return 0 ;;
    esac
    return 1
}

# Only a successful list proves that the domain is not running: virsh reports a lost connection and a missing domain alike.
is_gone() {
    running=$(call list --uuid) || return 1
    case $running in
    *"$uuid"*) return 1 ;;
    esac
}

# A domain with saved memory continues from it, still frozen or paused. A domain that is shut off without saved memory needs no further action.
# A transient domain may be restored from a file; until then it does not exist in libvirt.
may_return() {
    known=$(call list --uuid --all) || return 0
    case $known in
    *"$uuid"*) ;;
    *) return 0 ;;
    esac
    case $(call domstate "$uuid" --reason) in
    'shut off (saved)'*) return 0 ;;
    'shut off'*) ;;
    *) return 0 ;;
    esac
    case $(call dominfo "$uuid") in
    *'Managed save:'*yes*) return 0 ;;
    esac
    return 1
}

# Repeats $1, thaw or resume, until it succeeds, and ends the guard if the domain cannot return. While the domain is not running, it only waits for it.
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

# Resumes only a domain that was paused by an API call, not one paused by an I/O error, a lost lease or a migration. If libvirtd was restarted during
# that call, the reason is unknown. A domain that was saved while paused has the reason "migrating" after it is restored.
returned=''
resume() {
    case $(call domstate "$uuid" --reason) in
    'paused (user)'* | 'paused (unknown)'*) call resume "$uuid" >/dev/null ;;
    'paused (migrating)'*) [ -z "$returned" ] || call resume "$uuid" >/dev/null ;;
    running* | paused*) return 0 ;;
    *) return 1 ;;
    esac
}

# Gives up after a day.
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
        # A freeze that waited in libvirt for another agent call may take effect after that reply.
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
        # As above: the pause may have waited in libvirt.
        sleep 2
        repeat resume
        ;;
    esac
    ;;
esac
call guest-agent-timeout "$uuid" --timeout -2 >/dev/null
