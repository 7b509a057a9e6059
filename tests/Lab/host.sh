#!/usr/bin/env bash
# host.sh start|restart|kill|stop|enter|copy DIR: the lab host, a virtual machine that is a complete libvirt host.
#
#   start DIR [PID] [--apparmor] [--memory MIB] [--cpus N]
#                           starts a new one, and prints its URI; files of an earlier run in DIR are deleted;
#                           with PID, it is stopped when that process ends; by default it has 2048 MiB and one processor
#   kill DIR                simulates a power failure; its disks are kept
#   restart DIR             the same, and boots it again from its disks
#   stop DIR                ends it; DIR is kept, without the disks
#   enter DIR [USER@] CMD...   runs a command on it, as root or as USER: admin, with sudo, or operator, without
#   copy DIR FROM... TO     copies files; paths on it are lab:PATH, admin@lab:PATH
#
# DIR/ssh is an ssh configured for the host name "lab". Its libvirt is used with virsh -c URI; its storage with /lab/host/storage and
# test guests with /lab/domain.sh, on the lab host. VIRTSNAPSHOT_LAB_KVM=1 enables /dev/kvm.
set -euo pipefail

usage() { sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2; }
fail() { echo "lab: $*" >&2; exit 1; }

[[ $# -ge 2 ]] || usage
verb=$1 dir=$(realpath -m "$2")
shift 2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${VIRTSNAPSHOT_LAB_CACHE:-/var/cache/virtsnapshot-lab}
image=$cache/host
uri="qemu+ssh://root@lab/system?command=$dir/ssh"
# The command lines of the lab's processes contain this mark, since a pid may have been reused.
mark=virtsnapshot-lab-host:$dir

# The pid in DIR/$1.pid, if that process is running and belongs to the lab.
pid_of() {
    local pid
    pid=$(cat "$dir/$1.pid" 2>/dev/null) && grep -qzxF -- "$mark" "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"
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

# Builds the disk mounted at /lab: these scripts, the guest, the keys. It is small, and built at each start.
make_lab_disk() {
    local tree=$dir/lab
    mkdir -p "$tree"/{guest,keys}
    cp -r "$here"/{domain,guest,in-guest,lib,records}.sh "$here/host" "$tree/"
    cp "$here"/guest/* "$tree/guest/"
    if [[ $1 == whole ]]; then
        cp "$cache"/{vmlinuz,initrd.img} "$tree/guest/"
        # guest.sh does not build them again.
        touch "$tree/guest/as-is"
        ssh-keygen -q -t ed25519 -N '' -C lab -f "$tree/keys/host"
        ssh-keygen -q -t ed25519 -N '' -C lab -f "$dir/key"
        cp "$dir/key.pub" "$tree/keys/authorized"
        chmod 644 "$tree/keys/authorized"
    fi
    truncate -s 64M "$dir/lab.raw"
    mke2fs -q -F -t ext4 -O ^has_journal -L lab -E root_owner=0:0 -d "$tree" "$dir/lab.raw"
    [[ $1 != whole ]] || echo "lab $(<"$tree/keys/host.pub")" >"$dir/known_hosts"
    rm -rf "$tree"
}

make_ssh() {
    cat >"$dir/ssh_config" <<-CONF
		Host lab
		    HostName 127.0.0.1
		    Port $1
		    HostKeyAlias lab
		    User root
		    IdentityFile "$dir/key"
		    IdentitiesOnly yes
		    UserKnownHostsFile "$dir/known_hosts"
		    GlobalKnownHostsFile none
		    StrictHostKeyChecking yes
		    BatchMode yes
		    ConnectTimeout 30
		    # Under emulation the handshake is most of a command's time. The connection ends with QEMU.
		    ControlMaster auto
		    ControlPath "$dir/control-%p"
		    ControlPersist yes
		    LogLevel ERROR
	CONF
    cat >"$dir/ssh" <<-SSH
		#!/bin/sh
		exec ssh -F '$dir/ssh_config' "\$@"
	SSH
    chmod 755 "$dir/ssh"
}

# Runs QEMU with the disks in DIR: in the background with the ssh port $1, or in the foreground if it is empty. $2 are additional kernel
# parameters, and the other arguments precede QEMU's command line.
qemu() {
    local port=$1 append=$2 disk
    shift 2
    local kernel='init_on_alloc=0 hardened_usercopy=off randomize_kstack_offset=off transparent_hugepage=never psi=0 cgroup_disable=memory clearcpuid=112'
    # shellcheck disable=SC2054 # they are QEMU's commas
    # norandmaps: the emulator reuses the translation of code at the same address in all processes, so programs start three times as fast.
    # The parameters after it spare the kernel work that is dear under emulation: clearing memory twice, checks of its own copies, accounting by control group;
    # clearcpuid=112 (rep_good) has it copy by loops of plain moves. no_timer_check: a machine with much to do answers too late for that check, which panics.
    local arguments=(
        -name "$mark" -machine q35 -m "$memory" -smp "$cpus"
        -display none -nodefaults -no-user-config -no-reboot -serial "file:$dir/console.log"
        -kernel "$dir/vmlinuz" -initrd "$dir/initrd.img"
        -append "console=ttyS0 panic=1 quiet net.ifnames=0 mitigations=off norandmaps tsc=reliable $kernel no_timer_check $append"
        -netdev "user,id=net,restrict=on${port:+,hostfwd=tcp:127.0.0.1:$port-:22}" -device virtio-net-pci,netdev=net,romfile=
    )
    if [[ ${VIRTSNAPSHOT_LAB_KVM:-0} == 1 ]]; then
        arguments+=(-accel kvm -cpu host)
    else
        # Faster to emulate: page tables with four levels, and programs with scalar loops.
        arguments+=(-accel 'tcg,thread=multi,tb-size=512' -cpu 'max,la57=off,avx=off,avx2=off,erms=off,fsrm=off')
    fi
    # unsafe: written data survives the end of QEMU, and tests need no more than that.
    for disk in root.qcow2 vdb.qcow2 vdc.qcow2 lab.raw; do
        arguments+=(-drive "file=$dir/$disk,format=${disk##*.},if=virtio,cache=unsafe,discard=unmap")
    done
    "$@" qemu-system-x86_64 "${arguments[@]}" ${port:+-daemonize -pidfile "$dir/qemu.pid"}
}

# Boots it, and returns when it is ready.
boot() {
    local port i
    local options
    options=$(<"$dir/options")
    read -r memory cpus options <<<"$options"
    # If the port is in use, QEMU fails, and another port is tried.
    for ((i = 0; ; i++)); do
        port=$((RANDOM % 20000 + 12000))
        rm -f "$dir/console.log"
        ! qemu "$port" "$options" 2>"$dir/qemu.log" </dev/null || break
        [[ $i -lt 10 ]] || fail "it does not start, see $dir/qemu.log"
    done
    make_ssh "$port"
    # A daemon has its own session, and the kernel schedules sessions (autogroups) first: the nice value must be set for the autogroup, too.
    nice 2>/dev/null >"/proc/$(pid_of qemu)/autogroup" || true
    for ((i = 0; i < 3000; i++)); do
        ! grep -q '^lab: up' "$dir/console.log" || return 0
        pid_of qemu >/dev/null || break
        sleep 0.2
    done
    tail -n 20 "$dir/console.log" >&2 || true
    fail "it does not come up, see $dir/console.log"
}

start() {
    local watched='' apparmor=apparmor=0
    memory=2048 cpus=1
    while [[ $# -gt 0 ]]; do
        case $1 in
            --apparmor) apparmor='apparmor=1 security=apparmor' ;;
            --memory) memory=$2; shift ;;
            --cpus) cpus=$2; shift ;;
            [0-9]*) watched=$1 ;;
            *) usage ;;
        esac
        shift
    done
    [[ $dir != *[\',]* ]] || fail "no ' and , in $dir, please"
    [[ ! -e $dir || -e $dir/.virtsnapshot-lab || -z $(ls -A "$dir") ]] || fail "$dir is not empty, and not the lab's"
    "$here/host-image.sh"
    "$here/guest.sh" "$cache"
    stop
    mkdir -p "$dir"
    find "$dir" -mindepth 1 -delete
    touch "$dir/.virtsnapshot-lab"
    trap stop EXIT
    echo "$memory $cpus $apparmor" >"$dir/options"

    # Hard links: a new build of the image must not delete the backing files of this one.
    mkdir "$dir/base"
    local file
    for file in vmlinuz initrd.img root.qcow2 vdb.qcow2 vdc.qcow2; do
        ln -L "$image/$file" "$dir/base/" 2>/dev/null || cp --sparse=always "$image/$file" "$dir/base/"
    done
    ln -s base/vmlinuz base/initrd.img "$dir/"
    for file in root vdb vdc; do
        qemu-img create -q -f qcow2 -F qcow2 -b "base/$file.qcow2" "$dir/$file.qcow2"
    done
    make_lab_disk whole
    boot
    if [[ -n $watched ]]; then
        setsid bash "$0" watch "$dir" "$watched" "$mark" </dev/null >"$dir/watcher.log" 2>&1 &
        echo $! >"$dir/watcher.pid"
    fi
    trap - EXIT
    echo "$uri"
}

# Stops it when the process $1 has ended.
watch() {
    while [[ -e /proc/$1 ]]; do sleep 0.5; done
    rm -f "$dir/watcher.pid"
    stop
}

stop() {
    end_process watcher
    end_process qemu
    rm -rf "$dir"/{base,root.qcow2,vdb.qcow2,vdc.qcow2,lab.raw,vmlinuz,initrd.img}
}

# For host-image.sh: boots the images in DIR once for host/prepare.
prepare() {
    memory=2048 cpus=1
    make_lab_disk bare
    qemu '' 'apparmor=1 security=apparmor lab.prepare' timeout 600 </dev/null >&2
    rm "$dir/lab.raw"
    grep -q '^lab: prepared' "$dir/console.log"
}

enter() {
    local user=root command=() argument
    if [[ ${1:-} =~ ^([a-z]+)@$ ]]; then user=${BASH_REMATCH[1]}; shift; fi
    [[ $# -gt 0 ]] || usage
    [[ -x $dir/ssh ]] || fail "nothing runs in $dir"
    # Quoted for the remote shell.
    for argument in "$@"; do command+=("'${argument//\'/\'\\\'\'}'"); done
    exec "$dir/ssh" "$user@lab" "${command[*]}"
}

case $verb in
    start | stop | watch | prepare | enter) "$verb" "$@" ;;
    kill) end_process qemu ;;
    restart)
        [[ -e $dir/root.qcow2 ]] || fail "nothing was started in $dir"
        end_process qemu
        boot
        echo "$uri"
        ;;
    copy) [[ $# -ge 2 ]] || usage; exec scp -q -r -p -F "$dir/ssh_config" "$@" ;;
    *) usage ;;
esac
