# Creates a new file with the content of stdin. Arguments: path, length of the content; optionally owner, group and mode.
# On failure no file is left. After its creation the file is only accessed through its descriptor: the path may refer to another file by then.
path=$1 length=$2 owner=$3 group=$4 mode=$5
umask 077
if [ -e "$path" ] || [ -h "$path" ]; then
    echo "$path: File exists" >&2
    exit 1
fi
# noclobber: the shell creates files with O_EXCL.
set -C
exec 3>"$path" || exit 1
set +C
file=/proc/self/fd/3
undo() {
    [ "$path" -ef "$file" ] && rm -f -- "$path"
    exit 1
}
# Without undo: this script did not create it.
[ -f "$file" ] || { echo "$path: File exists" >&2; exit 1; }
trap undo HUP INT TERM
cat >&3 || undo
[ "$(stat -L -c %s "$file")" = "$length" ] || { echo "$path: the content is incomplete" >&2; undo; }
if [ "$mode" ]; then
    chown "$owner:$group" "$file" || undo
    chmod "$mode" "$file" || undo
fi
sync "$file" || undo
