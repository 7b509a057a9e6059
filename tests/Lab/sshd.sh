#!/usr/bin/env bash
# sshd.sh start|disconnect|stop DIR: an ssh server of this machine's own, reached over 127.0.0.1 with a throw-away key, with all its state below DIR.
#
#   start DIR [PID]  starts it, and prints the program that goes where ssh goes (a URI's command=); with PID, it is stopped as
#                    soon as there is no such process any more
#   disconnect DIR   ends all its connections, as a network does that goes away; what runs behind them is not ended; new ones can be made
#   stop DIR         ends it and all its connections
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
    # Since 9.8 a server refuses an address for a while whose connections ended badly, as those of the tests do. An older one does not know the option.
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
			# Debian's bash reads ~/.bashrc for each command over ssh, unless SHLVL says that it runs in another shell. That can take a second.
			SetEnv SHLVL=1
			$penalties
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

# The pid of the server, if it is ours.
server() {
    local pid
    pid=$(cat "$dir/sshd.pid" 2>/dev/null) && grep -qzF -- "$dir/sshd_config" "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"
}

# The descendants of process $1 that are the server's own: a connection has up to three (sshd, sshd-session, sshd-auth), and each of them holds its socket.
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
    # One may have ended by itself in the meantime.
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
