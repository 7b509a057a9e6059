#!/usr/bin/env bash
# install.sh [host]: installs the Debian packages the lab needs, with those for the lab host if it is named: only
# what is missing, so that a second call costs next to nothing.
set -euo pipefail

packages=(
    libvirt-daemon-system libvirt-clients libvirt-daemon-driver-qemu    # the hypervisor's manager
    qemu-system-x86 qemu-utils                                          # the hypervisor
    e2fsprogs                                                           # mke2fs, debugfs, e2fsck
    btrfs-progs xfsprogs                                                # file systems that can snapshot and clone
    busybox-static cpio kmod                                            # what the guest is made of
    openssh-server openssh-client netcat-openbsd sudo passwd            # hosts over ssh
    procps                                                              # pgrep and ps, by which the tests find guards
)
[[ ${1:-} != host ]] || packages+=(
    mmdebstrap                                                          # what the lab host is made with
    openssh-client                                                      # what it is reached with
)

mapfile -t installed < <(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "${packages[@]}" 2>/dev/null | sed -n 's/^.i  *//p')
missing=()
for package in "${packages[@]}"; do
    [[ " ${installed[*]} " == *" $package "* ]] || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

sudo=()
[[ $EUID -eq 0 ]] || sudo=(sudo)
apt() { "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >&2; }

# Where nobody has a policy on it, packages must not start their services: the lab starts its own libvirtd.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
    trap '"${sudo[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
    "${sudo[@]}" chmod 755 "$policy"
fi

echo "lab: installing ${missing[*]}" >&2
apt update
apt install -y --no-install-recommends "${missing[@]}"
