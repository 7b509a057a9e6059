# Runs a program. Arguments: the program and its arguments.
command -v "$1" >/dev/null || { printf '%s missing' "$mark" >&2; exit 127; }
"$@" </dev/null
