# Runs a program, and ends it with all its children when our input closes: whoever asked for it has stopped waiting, or is dead.
command -v "$1" >/dev/null || { printf %s "${mark#*-} missing" >&2; exit 127; }
exec 3<&0
setsid "$@" </dev/null 3<&- &
program=$!
{
    # Nobody writes: it ends with the input, or is ended below.
    read -r _
    # It becomes the first of its group a moment after it is started.
    until kill -KILL "-$program" || ! kill -0 "$program"; do sleep 0.1; done
} <&3 3<&- >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait "$program"
result=$?
kill "$watcher" 2>/dev/null
wait "$watcher" 2>/dev/null
exit "$result"
