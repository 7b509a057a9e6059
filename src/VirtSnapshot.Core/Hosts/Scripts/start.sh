# Starts a background script on a remote host. Arguments: the mark that precedes the process id, the script, its name and arguments.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C
export PATH LC_ALL
printf '%s %s\n' "$1" "$$"
shift
exec sh -c "$@"
