#!/usr/bin/env bash
# install.sh [host|debian13]...: installs the Debian packages of the lab (the file "packages"), and those for building the lab host or
# the Debian 13 if given. Only missing packages are installed, so a second call is fast.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=SCRIPTDIR/lib.sh
. "$here/lib.sh"

mapfile -t packages < <(packages_of "$here/packages")
for purpose in "$@"; do
    case $purpose in
        # Both are built with mmdebstrap.
        host | debian13) packages+=(mmdebstrap) ;;
        *) fail "unknown: $purpose" ;;
    esac
done

mapfile -t installed < <(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "${packages[@]}" 2>/dev/null | sed -n 's/^.i  *//p')
missing=()
for package in "${packages[@]}"; do
    [[ " ${installed[*]} " == *" $package "* ]] || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

sudo=()
[[ $EUID -eq 0 ]] || sudo=(sudo)
apt() { "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 "$@"; }

log_to "$(mktemp --tmpdir virtsnapshot-install.XXXXXX.log)"
policy=/usr/sbin/policy-rc.d own_policy=no
cleanup() {
    [[ $own_policy == no ]] || "${sudo[@]}" rm -f "$policy"
}

# Unless the machine has its own policy, packages must not start their services: the lab starts its own libvirtd.
if [[ ! -e $policy ]]; then
    own_policy=yes
    printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy"
    "${sudo[@]}" chmod 755 "$policy"
fi

step "installing ${missing[*]}"
apt update
apt install -y --no-install-recommends "${missing[@]}"
rm "$log"
