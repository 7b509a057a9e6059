# What is run on the other host for a script that runs beside us. Arguments: the mark that our words begin with, the script, its name and arguments.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C
export PATH LC_ALL
printf '%s %s\n' "$1" "$$"
shift
exec sh -c "$@"
