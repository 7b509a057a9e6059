# Holds a lock as long as it receives heartbeats on stdin. Arguments: the lock's name, "root" or "user", the timeout in seconds, and, if
# the lock is taken again, the process that held it before. $0 identifies the holder.
name=$1 whose=$2 timeout=$3 before=$4
case $whose in
root) folder=/run/virtsnapshot ;;
*) folder=${XDG_RUNTIME_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}}/virtsnapshot ;;
esac
umask 077
refuse() {
    echo "failed $*" | tr '\n' ' '
    exit 1
}
# The connection of the previous holder was lost, which it may not have detected.
if [ "$before" ] && tr '\0' '\n' <"/proc/$before/cmdline" 2>/dev/null | grep -q -x -F -e "$0"; then
    kill "$before" 2>/dev/null
fi
errors=$(mkdir -p -- "$folder" 2>&1) || refuse "$errors"
file=$folder/$name.lock
# Whether the open file is still the one at the path: the previous holder removes its file.
is_current() {
    [ "$file" -ef "/proc/$$/fd/9" ] && [ ! -h "$file" ]
}
until
    [ ! -h "$file" ] || refuse "$file is a symbolic link"
    errors=$( (: >>"$file") 2>&1) || refuse "$errors"
    exec 9>>"$file"
    # A killed holder releases the lock after a short delay.
    flock -w 1 9 2>/dev/null
    case $? in
    0) is_current ;;
    1) echo busy; exit 0 ;;
    127) refuse "flock: not found" ;;
    *) refuse "$file cannot be locked" ;;
    esac
do :; done
echo locked
# The child that waits must not keep the lock when this process dies.
while [ "$(exec 9>&-; timeout "$timeout" head -n 1)" = . ]; do :; done
# Only the holder of the lock may remove its file, so this comes before the release.
is_current && rm -f -- "$file"
exit 0
