# Runs a program. Arguments: the program and its arguments.
command -v "$1" >/dev/null || { printf %s "${mark#*-} missing" >&2; exit 127; }
"$@" </dev/null
