# Answers questions for as long as somebody asks: a login on this host can be slow, one for all of them is enough. A question is one line: the length of its input,
# or "-" where it reads what we read; a mark; and shell text that calls one of the scripts below. Then comes its input.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C
export PATH LC_ALL
# Stands in a question for the end of a line.
nl='
'
@SCRIPTS@
# The question must not be done without a lock. Arguments: the process that has it, and its name.
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
# Not a byte more than the line is read: what comes next is read by somebody else. A line without its end is not obeyed.
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
