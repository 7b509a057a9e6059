#!/usr/bin/env bash
# sshd.sh start|disconnect|stop DIR: a private ssh server of this machine on 127.0.0.1, with a temporary key, with all its state below DIR.
#
#   start DIR [PID]  starts it, and prints a program that replaces ssh (a URI's command=); with PID, it is stopped when
#                    that process ends
#   disconnect DIR   drops all its connections, like a network failure; their programs are not ended; new connections can be made
#   stop DIR         ends it and all its connections
#
# The ssh configuration of the machine and the user is neither read nor changed. DIR/sshd_config.d/*.conf is read for each new connection.
set -euo pipefail

usage() { sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2; }
fail() { echo "lab: $*" >&2; exit 1; }

[[ $# -ge 2 ]] || usage
verb=$1 dir=$(realpath -m "$2")
shift 2

start() {
    [[ $EUID -eq 0 ]] || fail 'only root can start it'
    stop
    # sshd requires that only root can write to the folders above its keys, so the lab's temporary folder needs StrictModes off.
    mkdir -p "$dir" /run/sshd
    chmod 755 "$dir"
    rm -f "$dir"/{key,host-key,key.pub,host-key.pub,sshd.log}
    ssh-keygen -q -t ed25519 -N '' -f "$dir/key"
    ssh-keygen -q -t ed25519 -N '' -f "$dir/host-key"
    install -m 644 "$dir/key.pub" "$dir/authorized_keys"
    echo "virtsnapshot-lab $(cut -d' ' -f1,2 "$dir/host-key.pub")" >"$dir/known_hosts"
    mkdir -p "$dir/sshd_config.d"
    # Since 9.8 a server refuses an address for a while after failed connections, which the tests cause. Older versions lack the option.
    local penalties='PerSourcePenalties no'
    /usr/sbin/sshd -t -f /dev/null -h "$dir/host-key" -o "$penalties" 2>"$dir/sshd.log" || penalties=
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
			# Debian's bash reads ~/.bashrc for each command over ssh unless SHLVL is set, which can take a second.
			SetEnv SHLVL=1
			$penalties
		CONF
        # setsid: an interrupt that ends a test must not end it.
        setsid /usr/sbin/sshd -f "$dir/sshd_config" -E "$dir/sshd.log" || fail "sshd does not start: $(cat "$dir/sshd.log")"
        for ((i = 0; i < 100; i++)); do
            [[ ! -s $dir/sshd.pid ]] || break 2
            sleep 0.02
        done
        # The port is in use.
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

# The pid of the server, if it belongs to the lab.
server() {
    local pid
    pid=$(cat "$dir/sshd.pid" 2>/dev/null) && grep -qzF -- "$dir/sshd_config" "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"
}

# The descendants of process $1 that belong to the server: a connection has up to three (sshd, sshd-session, sshd-auth), each with its socket open.
connections_of() {
    local child
    for child in $(pgrep -P "$1" '^sshd'); do
        echo "$child"
        connections_of "$child"
    done
}

disconnect() {
    local pid connections
    pid=$(server) || fail "nothing runs in $dir"
    mapfile -t connections < <(connections_of "$pid")
    # A process may have ended in the meantime.
    [[ ${#connections[@]} -eq 0 ]] || kill -KILL "${connections[@]}" 2>/dev/null || true
}

stop() {
    local pid
    if pid=$(server); then
        disconnect
        kill "$pid"
    fi
    rm -f "$dir/sshd.pid"
}

case $verb in
    start | disconnect | stop) "$verb" "$@" ;;
    *) usage ;;
esac
