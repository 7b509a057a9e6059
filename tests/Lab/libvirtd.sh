#!/usr/bin/env bash
# libvirtd.sh start|restart|kill|stop|enter DIR: a private libvirtd, with its state below DIR.
#
#   start DIR [PID]    starts a new one, and prints its URI; files of an earlier run in DIR are deleted;
#                      with PID, it is stopped when that process ends
#   restart DIR [SIG]  ends only libvirtd (with TERM, or the given signal) and starts it again; its guests keep running
#   kill DIR           ends only libvirtd, with SIGKILL
#   stop DIR           ends libvirtd and its guests; DIR is kept, with the images and logs
#   enter DIR CMD...   runs a command in the namespaces of that libvirtd
#
# It runs in a mount namespace with private folders in place of libvirt's, so that the machine's libvirt is not
# touched; and in a PID namespace, whose processes all end with its first process.
# VIRTSNAPSHOT_LAB_KVM=1 lets the guests use /dev/kvm; otherwise they are emulated, and /dev/kvm is hidden.
set -euo pipefail

usage() { sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2; }
fail() { echo "lab: $*" >&2; exit 1; }

[[ $# -ge 2 ]] || usage
verb=$1 dir=$(realpath -m "$2")
shift 2
cache=${VIRTSNAPSHOT_LAB_CACHE:-/var/cache/virtsnapshot-lab}
socket=$dir/run/libvirt-sock
uri="qemu:///system?socket=$socket"
# The command lines of the lab's processes contain this mark, since a pid may have been reused.
mark=virtsnapshot-lab:$dir

# The pid in DIR/$1.pid, if that process is running and belongs to the lab. "holder" is the first process of the PID namespace.
pid_of() {
    local pid
    pid=$(cat "$dir/$1.pid" 2>/dev/null) && grep -qzxF -- "$mark" "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"
}

enter() {
    local pid
    pid=$(pid_of holder) || fail "nothing runs in $dir"
    # With its root directory: in a chroot, the mount namespace alone would use the machine's root, and the machine's own libvirt.
    nsenter --target "$pid" --mount --pid --root --wd -- "$@"
}

# Runs as the first process of the PID namespace.
hold() {
    [[ $$ -eq 1 ]] || fail 'hold is only for start'
    cd /
    mount --make-rslave /
    for pair in run:/run/libvirt lib:/var/lib/libvirt log:/var/log/libvirt etc:/etc/libvirt; do
        mkdir -p "${pair#*:}"
        mount --bind "$dir/${pair%%:*}" "${pair#*:}"
    done
    # The QEMU capabilities are the same for all labs on this machine, and detecting them takes a second.
    mkdir -p "$cache/libvirt"
    mount --bind "$cache/libvirt" /var/cache/libvirt
    # With an unusable /dev/kvm, libvirt needs more than a minute per guest; with an empty file, no time.
    if [[ -e /dev/kvm && ${VIRTSNAPSHOT_LAB_KVM:-0} != 1 ]]; then
        mount --bind "$dir/no-kvm" /dev/kvm
    fi
    touch "$dir/held"
    # Orphaned processes become children of this shell, which reaps them while it waits.
    while :; do
        sleep infinity &
        wait $! || true
    done
}

launch() {
    enter libvirtd --daemon --pid-file /run/libvirt/libvirtd.pid </dev/null >"$dir/log/libvirtd.log" 2>&1 ||
        fail "libvirtd does not start, see $dir/log/libvirtd.log"
    for ((i = 0; i < 200; i++)); do
        ! virsh -q -c "$uri" version >/dev/null 2>&1 || return 0
        sleep 0.05
    done
    fail "libvirtd does not answer, see $dir/log"
}

# Stops it when the process $1 has ended.
watch() {
    tail --pid="$1" --follow /dev/null
    rm -f "$dir/watcher.pid"
    stop
}

# Ends libvirtd with the signal $1, and waits until it has ended.
end() {
    # shellcheck disable=SC2016 # for the shell inside
    enter bash -c '
        pid=$(cat /run/libvirt/libvirtd.pid 2>/dev/null) || exit 0
        kill -"$1" "$pid" 2>/dev/null || exit 0
        for ((i = 0; i < 3000; i++)); do
            kill -0 "$pid" 2>/dev/null || exit 0
            sleep 0.02
        done
        exit 1' bash "$1" || fail "libvirtd does not end"
}

start() {
    [[ $EUID -eq 0 ]] || fail 'only root can start it'
    [[ ${#socket} -le 107 ]] || fail "$socket is too long for a socket: choose a shorter folder"
    [[ ! -e $dir || -e $dir/.virtsnapshot-lab || -z $(ls -A "$dir") ]] || fail "$dir is not empty, and not the lab's"
    stop
    mkdir -p "$dir"
    find "$dir" -mindepth 1 -delete
    mkdir -m 711 "$dir"/{run,lib,log,etc,images}
    chmod 711 "$dir"
    touch "$dir/.virtsnapshot-lab"
    install -m 600 /dev/null "$dir/no-kvm"

    # Features that need a complete host are off; the guests' consoles are files, without virtlogd.
    cat >"$dir/etc/qemu.conf" <<-'CONF'
		namespaces = []
		security_driver = "none"
		remember_owner = 0
		cgroup_controllers = []
		stdio_handler = "file"
	CONF
    cat >"$dir/etc/libvirtd.conf" <<-'CONF'
		auth_unix_rw = "none"
		auth_unix_ro = "none"
	CONF

    trap stop EXIT
    # Later mounts of tests in this folder must be visible to libvirtd and QEMU.
    mount --bind "$dir/images" "$dir/images"
    mount --make-shared "$dir/images"

    # setsid: an interrupt that ends a test must not end it.
    setsid unshare --mount --propagation unchanged --pid --fork --mount-proc --kill-child \
        bash "$0" hold "$dir" "$mark" </dev/null >"$dir/log/holder.log" 2>&1 &
    local outer=$!
    for ((i = 0; i < 200; i++)); do
        [[ ! -e $dir/held ]] || break
        sleep 0.02
    done
    [[ -e $dir/held ]] || fail "the namespaces cannot be made, see $dir/log/holder.log"
    pgrep -P "$outer" >"$dir/holder.pid"
    launch
    if [[ -n ${1:-} ]]; then
        setsid bash "$0" watch "$dir" "$1" "$mark" </dev/null >"$dir/log/watcher.log" 2>&1 &
        echo $! >"$dir/watcher.pid"
    fi
    trap - EXIT
    echo "$uri"
}

# Kills the lab's process $1, and waits until it has ended.
end_process() {
    local pid
    if pid=$(pid_of "$1"); then
        kill -KILL "$pid" 2>/dev/null || true
        while pid_of "$1" >/dev/null; do sleep 0.02; done
    fi
    rm -f "$dir/$1.pid"
}

stop() {
    end_process watcher
    # The kernel ends all other processes of a PID namespace before its first process.
    end_process holder
    # Innermost first: mounts of tests, then the lab's own.
    while read -r target; do
        umount "$target" || umount --lazy "$target"
    done < <(findmnt -rno TARGET | grep -F "$dir/" | tac)
    # The module's copies of guest state, for domains that tests leave with snapshots, are not below $dir.
    local definition
    while read -r definition; do
        rm -rf -- "${definition%/*/domain.xml}"
    done < <(grep -lsF "$dir/" /var/lib/virtsnapshot/*/*/domain.xml)
}

case $verb in
    start | stop | hold | watch) "$verb" "$@" ;;
    restart) end "${1:-TERM}"; launch; echo "$uri" ;;
    kill) end KILL ;;
    enter) enter "$@" ;;
    *) usage ;;
esac
