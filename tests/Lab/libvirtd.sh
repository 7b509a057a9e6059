#!/usr/bin/env bash
# libvirtd.sh start|restart|kill|stop|enter DIR: a private libvirtd, with its state below DIR.
#
#   start DIR [PID]    starts it afresh, and prints its URI; what an earlier run left in DIR is removed;
#                      with PID, it is stopped as soon as there is no such process any more
#   restart DIR [SIG]  ends libvirtd alone (TERM, or the signal named) and starts it again; its guests go on
#   kill DIR           ends libvirtd alone, with SIGKILL
#   stop DIR           ends it all, guests too; DIR stays, with the images and logs
#   enter DIR CMD...   runs a command where that libvirtd lives
#
# It lives in a mount namespace, with folders of its own where libvirt has its folders, so that the machine's
# libvirt is never touched; and in a PID namespace, so that ending its first process surely ends everything.
# VIRTSNAPSHOT_LAB_KVM=1 lets the guests use /dev/kvm; otherwise they are emulated, and nobody looks at it.
set -euo pipefail

usage() { sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2; }
fail() { echo "lab: $*" >&2; exit 1; }

[[ $# -ge 2 ]] || usage
verb=$1 dir=$(realpath -m "$2")
shift 2
cache=${VIRTSNAPSHOT_LAB_CACHE:-/var/cache/virtsnapshot-lab}
socket=$dir/run/libvirt-sock
uri="qemu:///system?socket=$socket"
# Our processes carry this in their command lines: a pid alone may be somebody else's by now.
mark=virtsnapshot-lab:$dir

# The pid in DIR/$1.pid, if that process is alive and ours. "holder" is the first process of the private world.
pid_of() {
    local pid
    pid=$(cat "$dir/$1.pid" 2>/dev/null) && grep -qzxF -- "$mark" "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"
}

enter() {
    local pid
    pid=$(pid_of holder) || fail "nothing runs in $dir"
    # With its root: in a chroot, the mount namespace alone would lead to the root of the machine, and to the machine's own libvirt.
    nsenter --target "$pid" --mount --pid --root --wd -- "$@"
}

# Run as the first process of the private world.
hold() {
    [[ $$ -eq 1 ]] || fail 'that is for start alone'
    cd /
    mount --make-rslave /
    for pair in run:/run/libvirt lib:/var/lib/libvirt log:/var/log/libvirt etc:/etc/libvirt; do
        mkdir -p "${pair#*:}"
        mount --bind "$dir/${pair%%:*}" "${pair#*:}"
    done
    # What libvirt has found out about QEMU is the same for every lab on this machine, and takes a second to find out.
    mkdir -p "$cache/libvirt"
    mount --bind "$cache/libvirt" /var/cache/libvirt
    # A /dev/kvm that cannot be used costs libvirt more than a minute a guest; an empty file costs nothing.
    if [[ -e /dev/kvm && ${VIRTSNAPSHOT_LAB_KVM:-0} != 1 ]]; then
        mount --bind "$dir/no-kvm" /dev/kvm
    fi
    touch "$dir/held"
    # Whoever is orphaned in here becomes a child of this shell, which reaps it while it waits.
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

# Stops it all when the process that wanted it, $1, is gone.
watch() {
    tail --pid="$1" --follow /dev/null
    rm -f "$dir/watcher.pid"
    stop
}

# Ends libvirtd, and waits until it is gone: $1 is the signal.
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

    # What wants a whole host is off; the guests' consoles go to files with no virtlogd in between.
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
    # What a test mounts in here later has to be seen by libvirtd and QEMU as well.
    mount --bind "$dir/images" "$dir/images"
    mount --make-shared "$dir/images"

    # In a session of its own, for the interrupt that ends a test is not meant for it.
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

# Ends our process $1, and waits until it is gone.
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
    # The kernel ends everybody else of a PID namespace before its first process is gone.
    end_process holder
    # Innermost first: what tests have mounted below, then our own.
    while read -r target; do
        umount "$target" || umount --lazy "$target"
    done < <(findmnt -rno TARGET | grep -F "$dir/" | tac)
    # What the module keeps of domains that tests leave with snapshots is not below $dir.
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
