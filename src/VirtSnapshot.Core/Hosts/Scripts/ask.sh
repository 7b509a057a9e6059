# One question to a worker; its arguments and the locks that it needs are set before. The mark frames what the question itself says, on both outputs: a login shell's own words
# are not taken for an answer, and an answer without its end is none.
printf %s "$mark"
printf %s "$mark" >&2
(
    printf %s "$holders" | while read -r process name; do
        grep -q -x -z -F -e "$name" "/proc/$process/cmdline" 2>/dev/null || exit 1
    done || { printf %s "${mark#*-} unlocked" >&2; exit 1; }
    @BODY@
)
result=$?
printf %s "$mark"
printf '%s%s\n' "$mark" "$result" >&2
