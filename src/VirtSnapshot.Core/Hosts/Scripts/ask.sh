# What is run on the other host for one question. The mark in $1 frames what the question itself says, on both outputs: a login shell's
# own words before it are not taken for an answer, and an answer without its end is none, whatever ssh's exit code says.
mark=$1
shift
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C
export PATH LC_ALL
printf %s "$mark"
printf %s "$mark" >&2
(
    @BODY@
)
result=$?
printf %s "$mark"
printf '%s%s' "$mark" "$result" >&2
exit "$result"
