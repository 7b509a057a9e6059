# Executes requests until stdin ends, so that one login, which can be slow, is enough for all of them. A request is one line: the length of its
# input, or "-" if it reads the rest of stdin; a mark; and shell text that calls one of the scripts below. Its input follows.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C
export PATH LC_ALL
# A newline, which a one-line request cannot contain.
nl='
'
@SCRIPTS@
# Ends the request unless a lock is still held. Arguments: the process that holds it, and its name.
vs_locked() {
    grep -q -x -z -F -e "$2" "/proc/$1/cmdline" 2>/dev/null || { printf %s "${mark#*-} unlocked" >&2; exit 1; }
}
# The mark encloses the output of the request on stdout and stderr. It separates it from the output of the login shell, and shows that it is complete.
vs_execute() {
    printf %s "$mark"
    printf %s "$mark" >&2
    (eval "$request")
    result=$?
    printf %s "$mark"
    printf '%s%s\n' "$mark" "$result" >&2
}
# read consumes exactly one line: the bytes after it are the request's input. A truncated line is not executed.
while read -r input mark request; do
    case $input in
    -) vs_execute ;;
    0) vs_execute </dev/null ;;
    *)
        # Input that the request does not read must not be taken for the next request.
        dd bs="$input" count=1 iflag=fullblock 2>/dev/null | {
            vs_execute
            cat >/dev/null
        }
        ;;
    esac
done
