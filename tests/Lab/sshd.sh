#!/usr/bin/env bash
# sshd.sh start|stop DIR: an ssh server of this machine's own, reached over 127.0.0.1 with a throw-away key, with all its state below DIR.
#
#   start DIR [PID]  starts it, and prints the program that goes where ssh goes (a URI's command=); with PID, it is stopped as
#                    soon as there is no such process any more
#   stop DIR         ends it and all its sessions
#
# No configuration of the machine's or the user's own ssh is read or changed. DIR/sshd_config.d/*.conf is read for each new connection.
set -euo pipefail

usage() { sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2; }
fail() { echo "lab: $*" >&2; exit 1; }

[[ $# -ge 2 ]] || usage
verb=$1 dir=$(realpath -m "$2")
shift 2

start() {
    [[ $EUID -eq 0 ]] || fail 'only root can start it'
    stop
    # sshd wants all folders above its keys to be root's alone, so the lab's temporary folder must do without StrictModes.
    mkdir -p "$dir" /run/sshd
    chmod 755 "$dir"
    rm -f "$dir"/{key,host-key,key.pub,host-key.pub,sshd.log}
    ssh-keygen -q -t ed25519 -N '' -f "$dir/key"
    ssh-keygen -q -t ed25519 -N '' -f "$dir/host-key"
    install -m 644 "$dir/key.pub" "$dir/authorized_keys"
    echo "virtsnapshot-lab $(cut -d' ' -f1,2 "$dir/host-key.pub")" >"$dir/known_hosts"
    mkdir -p "$dir/sshd_config.d"
    for ((tries = 0; tries < 20; tries++)); do
        local port=$((20000 + RANDOM % 20000))
        cat >"$dir/sshd_config" <<-CONF
			Include $dir/sshd_config.d/*.conf
			ListenAddress 127.0.0.1:$port
			HostKey $dir/host-key
			AuthorizedKeysFile $dir/authorized_keys
			PidFile $dir/sshd.pid
			StrictModes no
			UsePAM no
			PasswordAuthentication no
			KbdInteractiveAuthentication no
			PermitRootLogin yes
			AllowTcpForwarding no
			MaxStartups 100
		CONF
        # In a session of its own, for the interrupt that ends a test is not meant for it.
        setsid /usr/sbin/sshd -f "$dir/sshd_config" -E "$dir/sshd.log" || fail "sshd does not start: $(cat "$dir/sshd.log")"
        for ((i = 0; i < 100; i++)); do
            [[ ! -s $dir/sshd.pid ]] || break 2
            sleep 0.02
        done
        # The port was taken.
    done
    [[ -s $dir/sshd.pid ]] || fail "sshd does not start: $(cat "$dir/sshd.log")"
    cat >"$dir/ssh_config" <<-CONF
		Host *
		    Port $port
		    HostKeyAlias virtsnapshot-lab
		    UserKnownHostsFile $dir/known_hosts
		    GlobalKnownHostsFile /dev/null
		    IdentityFile $dir/key
		    IdentitiesOnly yes
		    IdentityAgent none
	CONF
    printf '#!/bin/sh\nexec ssh -F %q "$@"\n' "$dir/ssh_config" >"$dir/ssh"
    chmod 755 "$dir/ssh"
    if [[ -n ${1:-} ]]; then
        # shellcheck disable=SC2016 # for the shell inside
        setsid bash -c 'while [ -e "/proc/$1" ]; do sleep 0.5; done; exec bash "$0" stop "$2"' "$0" "$1" "$dir" </dev/null >/dev/null 2>&1 &
    fi
    echo "$dir/ssh"
}

# Its sessions are its children, and what they have started goes with their ends of the pipes.
stop() {
    local pid
    pid=$(cat "$dir/sshd.pid" 2>/dev/null) || return 0
    if grep -qzF -- "$dir/sshd_config" "/proc/$pid/cmdline" 2>/dev/null; then
        pkill -P "$pid" || true
        kill "$pid"
    fi
    rm -f "$dir/sshd.pid"
}

case $verb in
    start | stop) "$verb" "$@" ;;
    *) usage ;;
esac
