# Makes a new file out of our input. Arguments: path, length of the input; then owner, group and mode, where it is to have others than ours.
# Whatever fails, nothing is left behind. All but its making goes through the open file: the name may be somebody else's by then.
path=$1 length=$2 owner=$3 group=$4 mode=$5
umask 077
if [ -e "$path" ] || [ -h "$path" ]; then
    echo "$path: File exists" >&2
    exit 1
fi
# With this, the shell opens what does not exist yet with O_EXCL.
set -C
exec 3>"$path" || exit 1
set +C
file=/proc/self/fd/3
undo() {
    [ "$path" -ef "$file" ] && rm -f -- "$path"
    exit 1
}
# Not undone: it is not a file that we have made.
[ -f "$file" ] || { echo "$path: File exists" >&2; exit 1; }
trap undo HUP INT TERM
cat >&3 || undo
[ "$(stat -L -c %s "$file")" = "$length" ] || { echo "$path: the content did not arrive" >&2; undo; }
if [ "$mode" ]; then
    chown "$owner:$group" "$file" || undo
    chmod "$mode" "$file" || undo
fi
sync "$file" || undo
