# Runs a program, and ends it with all its children when stdin closes: the caller has cancelled it, or has died.
command -v "$1" >/dev/null || { printf %s "${mark#*-} missing" >&2; exit 127; }
exec 3<&0
setsid "$@" </dev/null 3<&- &
program=$!
{
    # stdin carries no data: read returns when stdin closes. If the program ends first, this process is killed below.
    read -r _
    # The program becomes a process group leader shortly after it is started.
    until kill -KILL "-$program" || ! kill -0 "$program"; do sleep 0.1; done
} <&3 3<&- >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait "$program"
result=$?
kill "$watcher" 2>/dev/null
wait "$watcher" 2>/dev/null
exit "$result"
