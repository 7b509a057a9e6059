#!/usr/bin/env bash
# in-guest.sh URI NAME PROGRAM [ARGUMENT...]: runs a program in a guest through its agent, with the program's
# output and exit code. The program is a full path: /bin/sh, /bin/hang-agent ...
set -euo pipefail

[[ $# -ge 3 ]] || { sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2; }
uri=$1 name=$2 program=$3
shift 3

ask() { virsh -q -c "$uri" qemu-agent-command "$name" "$1"; }
json() {
    local text=${1//\\/\\\\}
    text=${text//\"/\\\"}
    printf '"%s"' "${text//$'\n'/\\n}"
}
# The agent's reply is one line, and the needed fields are numbers or base64.
field() { sed -n 's/.*"'"$1"'": *"\{0,1\}\([A-Za-z0-9+/=]*\).*/\1/p' <<<"$answer"; }

arguments=
for argument in "$@"; do
    arguments+=${arguments:+,}$(json "$argument")
done
answer=$(ask '{"execute":"guest-exec","arguments":{"path":'"$(json "$program")"',"arg":['"$arguments"'],"capture-output":true}}')
pid=$(field pid)
for ((;;)); do
    answer=$(ask '{"execute":"guest-exec-status","arguments":{"pid":'"$pid"'}}')
    [[ $answer != *'"exited":true'* ]] || break
    sleep 0.05
done
field out-data | base64 -d
field err-data | base64 -d >&2
code=$(field exitcode)
exit "${code:-128}"
