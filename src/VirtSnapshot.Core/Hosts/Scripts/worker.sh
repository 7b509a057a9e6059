# Answers questions until its input ends: a login on this host can be slow, one is enough for all of them. A question is one line: the length of its input, or "-" if
# it reads the rest of ours; a mark; and shell text that calls one of the scripts below. Its input follows.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C
export PATH LC_ALL
# A newline, which a question of one line cannot contain.
nl='
'
@SCRIPTS@
# Ends the question unless a lock is still held. Arguments: the process that holds it, and its name.
vs_locked() {
    grep -q -x -z -F -e "$2" "/proc/$1/cmdline" 2>/dev/null || { printf %s "${mark#*-} unlocked" >&2; exit 1; }
}
# The mark frames what the question itself says, on both outputs: a login shell's own words are not taken for an answer, and an answer without its end is none.
vs_answer() {
    printf %s "$mark"
    printf %s "$mark" >&2
    (eval "$question")
    result=$?
    printf %s "$mark"
    printf '%s%s\n' "$mark" "$result" >&2
}
# read takes exactly one line: the bytes after it are the question's input. A line that was cut off is not run.
while read -r input mark question; do
    case $input in
    -) vs_answer ;;
    0) vs_answer </dev/null ;;
    *)
        # What the question leaves of its input must not be taken for the next question.
        dd bs="$input" count=1 iflag=fullblock 2>/dev/null | {
            vs_answer
            cat >/dev/null
        }
        ;;
    esac
done
