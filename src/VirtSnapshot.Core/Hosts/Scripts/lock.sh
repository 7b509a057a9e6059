# Holds a lock for as long as somebody at the other end gives signs of life. Arguments: the lock's name, "root" or "user", the seconds of
# silence that end it, and, where we have had it before, the process that held it then. $0 is ours alone.
name=$1 whose=$2 silence=$3 before=$4
case $whose in
root) folder=/run/virtsnapshot ;;
*) folder=${XDG_RUNTIME_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}}/virtsnapshot ;;
esac
umask 077
refuse() {
    echo "failed $*" | tr '\n' ' '
    exit 1
}
# The connection that it hung on is gone, which its end of it may not know yet.
if [ "$before" ] && tr '\0' '\n' <"/proc/$before/cmdline" 2>/dev/null | grep -q -x -F -e "$0"; then
    kill "$before" 2>/dev/null
fi
said=$(mkdir -p -- "$folder" 2>&1) || refuse "$said"
said=$( (: >>"$folder/$name.lock") 2>&1) || refuse "$said"
exec 9>>"$folder/$name.lock"
# A holder that has just died takes a moment.
flock -w 1 9 2>/dev/null
case $? in
0) echo locked ;;
1) echo busy; exit 0 ;;
127) refuse "flock: not found" ;;
*) refuse "$folder/$name.lock cannot be locked" ;;
esac
# Whoever only waits must not hold the lock on after us.
while [ "$(exec 9>&-; timeout "$silence" head -n 1)" = . ]; do :; done
