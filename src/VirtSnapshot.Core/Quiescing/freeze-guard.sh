# Thaws a guest when nobody else does. Arguments: URI UUID SECONDS.
#
# The run that started us says "freezing" before it freezes, and "thawed" when its own thaw is confirmed. If it dies (its end
# of the pipe closes) or SECONDS pass first, the thaw is ours, until the agent itself answers that nothing is frozen.
trap '' HUP INT TERM PIPE
uri=$1 uuid=$2 seconds=$3

ask() { timeout -s KILL 60 virsh -q -c "$uri" "$@" 2>&1; }

# Before anything is frozen: is virsh there, does libvirt let us in, may we change this domain? The bound on the agent's
# answers is what a frozen guest needs first of all.
if ! complaint=$(ask guest-agent-timeout "$uuid" --timeout "$seconds"); then
    echo "refused $complaint" | tr '\n' ' '
    exit 1
fi
echo ready

read -r word
if [ "$word" = freezing ]; then
    word=$(timeout "$seconds" head -n 1)
    [ "$word" = thawed ] && exit 0
    while :; do
        # A thaw without mount points: with them libvirt refuses. A freeze that timed out may land later, so an answer
        # to the thaw alone is not believed.
        ask domfsthaw "$uuid" >/dev/null
        case $(ask qemu-agent-command "$uuid" --timeout 5 '{"execute":"guest-fsfreeze-status"}') in
        *'"thawed"'*) break ;;
        esac
        case $(ask domstate "$uuid") in
        *'Domain not found'* | 'shut off' | crashed) exit 0 ;;
        esac
        sleep 1
    done
elif [ "$word" = thawed ]; then
    exit 0
fi
ask guest-agent-timeout "$uuid" --timeout -2 >/dev/null
