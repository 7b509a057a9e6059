#!/usr/bin/env bash
# records.sh IMAGE FORMAT [OUTFILE]: extracts the records from a disk image (its file /log), with its backing chain
# and without mounting it, to OUTFILE or stdout. It fails, with the reason on stderr, if
#   exit 3  the journal needs a replay: the file system was not frozen
#   exit 4  e2fsck reports errors
#   exit 5  a record is torn, wrong or out of sequence
# The records are printed in any case; the first of several faults is the exit code. --crashed before IMAGE: the
# file system need not be clean; the journal is replayed, in a copy, before the checks.
set -euo pipefail

usage() { sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2; }
crashed=0
[[ ${1:-} != --crashed ]] || { crashed=1; shift; }
[[ $# -eq 2 || $# -eq 3 ]] || usage
image=$1 format=$2 out=${3:-}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
raw=$image
# The replay of the journal writes, so it needs a copy also of a raw image. -U: a guest may have the chain open.
if [[ $format != raw || $crashed == 1 ]]; then
    raw=$scratch/image
    qemu-img convert -U -f "$format" -O raw "$image" "$raw"
fi

result=0
fault() {
    echo "lab: $image: $2" >&2
    [[ $result -ne 0 ]] || result=$1
}

if [[ $crashed == 1 ]]; then
    # 1: it corrected errors, which is allowed after a crash.
    e2fsck -fp "$raw" >"$scratch/e2fsck" 2>&1 || [[ $? -le 1 ]] || fault 4 "$(tail -n 3 "$scratch/e2fsck")"
else
    ! dumpe2fs -h "$raw" 2>/dev/null | grep -q '^Filesystem features:.*needs_recovery' || fault 3 'the journal needs a replay'
    e2fsck -fn "$raw" >"$scratch/e2fsck" 2>&1 || fault 4 "$(tail -n 3 "$scratch/e2fsck")"
fi

debugfs -R 'cat /log' "$raw" >"$scratch/log" 2>/dev/null

# The check is the same as in guest/write-records.
awk -v size="$(stat -c %s "$scratch/log")" '
    BEGIN { for (i = 1; i < 256; i++) byte[sprintf("%c", i)] = i }
    {
        if (!($2 in sum)) { s = 0; for (i = 1; i <= length($2); i++) s += byte[substr($2, i, 1)]; sum[$2] = s }
        # 2654435761 in two halves: the product would not fit into a double.
        check = ((NR * 40503 % 65536) * 65536 + NR * 31153 + sum[$2]) % 4294967296
        if ($0 != sprintf("%010d %-3s %08x .......................................", NR, $2, check)) { print NR; exit 1 }
    }
    END { if (size != NR * 64) exit 1 }
' "$scratch/log" >"$scratch/bad" || fault 5 "record $(cat "$scratch/bad") is torn, wrong or out of sequence"

[[ -z $out ]] || exec >"$out"
cat "$scratch/log"
exit "$result"
