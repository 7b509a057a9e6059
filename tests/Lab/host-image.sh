#!/usr/bin/env bash
# host-image.sh [OUTDIR]: builds what host.sh starts the lab host from, into OUTDIR (below the cache): vmlinuz,
# initrd.img, root.qcow2, and vdb.qcow2 and vdc.qcow2, the disks with its storage. Done once, in minutes: again only
# when the recipe has changed.
#
# It is a Debian 12, whatever the machine is: its libvirt, LVM and ZFS are the same everywhere, and the tests on Debian 13 itself are those of debian13.sh.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${VIRTSNAPSHOT_LAB_CACHE:-/var/cache/virtsnapshot-lab}
out=${1:-$cache/host}
# shellcheck source=SCRIPTDIR/lib.sh
. "$here/lib.sh"
release=bookworm

# One at a time; the others then find it done.
mkdir -p "$out"
exec 9>"$out/lock"
flock 9

# A newer kernel or libvirt in the archive is no reason to build again; the other files in host/ are used as they are.
stamp=$(cat "$here/host-image.sh" "$here/host"/{packages,initrd,storage,prepare,build-zfs} | sha256sum)
[[ ! -f $out/stamp || $(<"$out/stamp") != "$stamp" ]] || exit 0

[[ $EUID -eq 0 ]] || fail 'only root can build the lab host'
"$here/install.sh" host

scratch=$(mktemp -d "$out/build.XXXXXX")
cleanup() { rm -rf "$scratch"; }
# Debian's own tools, and none that stand before them in PATH: mmdebstrap starts a python for each package.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
log_to "$out/build.log"
root=$scratch/root
# ZFS is in contrib.
mapfile -t sources < <(debian_sources "$scratch" "$release" contrib)

# The Debian tree.
step 'making the lab host: packages'
mapfile -t packages <"$here/host/packages"
# libvirt-daemon-system wants a service manager: its files do without, and its users are made here. The kernel, installed,
# would want an initramfs of its own.
# shellcheck disable=SC2016 # for the shell inside
recipe='
    set -e
    cd /tmp
    kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n "s/^ *Depends: \(linux-image-[0-9].*\)/\1/p")
    apt-get -qq -o APT::Sandbox::User=root download libvirt-daemon-system "$kernel"
    dpkg -x libvirt-daemon-system_*.deb files
    cp -a files/etc /
    # What its maintainer script would have made: the profiles include them.
    mkdir -p /etc/apparmor.d/local/abstractions
    for file in usr.lib.libvirt.virt-aa-helper usr.sbin.libvirtd abstractions/libvirt-qemu abstractions/libvirt-lxc; do
        touch "/etc/apparmor.d/local/$file"
    done
    dpkg -x linux-image-*.deb files
    cp -a files/boot/vmlinuz-* /boot/
    cp -a files/lib/modules /usr/lib/
    groupadd --system libvirt
    groupadd --gid 64055 libvirt-qemu
    useradd --uid 64055 --gid libvirt-qemu --groups kvm --home-dir /var/lib/libvirt --shell /usr/sbin/nologin libvirt-qemu
    install -d -m 755 /var/log/libvirt/qemu
    for user in admin operator; do
        useradd --create-home --no-user-group --groups libvirt --shell /bin/bash --password "*" $user
    done
    echo "admin ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/admin
    # Nobody wants it, and libvirt would look at it for seconds whenever it starts.
    rm /usr/bin/qemu-system-i386
    rm -rf /tmp/* /etc/ssh/ssh_host_* /var/lib/apt/lists/* /var/cache/apt/*
    mkdir -p /lab
'
mmdebstrap --mode=root --variant=minbase --format=directory --aptopt='Apt::Install-Recommends "false"' \
    --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/{doc,man,locale}/*' --include="$(IFS=,; echo "${packages[*]}")" \
    --customize-hook="chroot \"\$1\" sh -c '${recipe//\'/\'\\\'\'}'" \
    "$release" "$root" "${sources[@]}"
kernel=$(basename "$root"/lib/modules/*)

# Its ZFS: kept for as long as there is neither another kernel nor another ZFS, nor another recipe for it.
built_by=$(sha256sum <"$here/host/build-zfs")
zfs=$out/zfs-$kernel-$(chroot "$root" dpkg-query -W -f '${source:Upstream-Version}' zfsutils-linux)-${built_by:0:8}.tar
if [[ ! -f $zfs ]]; then
    step 'making the lab host: ZFS, for some minutes'
    rm -f "$out"/zfs-*.tar
    "$here/host/build-zfs" "$release" "$kernel" "$zfs" "${sources[@]}"
fi
mkdir "$root/lib/modules/$kernel/zfs"
tar -C "$root/lib/modules/$kernel/zfs" -xf "$zfs"
depmod -b "$root" "$kernel"

# The first file system does nothing but find the disk that all is on.
step 'making the lab host: images'
first=$scratch/first
mkdir -p "$first"/{bin,dev,lab,proc,root,sys}
cp "$root/bin/busybox" "$first/bin/busybox"
for applet in cat findfs insmod mkdir mount sh sleep switch_root umount; do ln -s busybox "$first/bin/$applet"; done
printf '%s\n' virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk | modules_of "$root" "$first"
install -m 755 "$here/host/initrd" "$first/init"
(cd "$first" && find . | cpio --quiet -o -H newc -R 0:0) >"$scratch/initrd.img"
cp "$root"/boot/vmlinuz-* "$scratch/vmlinuz"
rm -rf "$root"/boot/*
truncate -s 6G "$scratch/root.raw"
mke2fs -q -F -t ext4 -L labroot -E lazy_itable_init=1,lazy_journal_init=1 -d "$root" "$scratch/root.raw"
qemu-img convert -f raw -O qcow2 "$scratch/root.raw" "$scratch/root.qcow2"
rm -rf "$scratch/root.raw" "$root"
# Thin: what is not written costs nothing.
for disk in vdb vdc; do qemu-img create -q -f qcow2 "$scratch/$disk.qcow2" 16G; done

# What takes time at a first boot is done here: its storage, libvirt's look at QEMU, AppArmor's profiles.
step 'making the lab host: first boot'
"$here/host.sh" prepare "$scratch" || { cp "$scratch/console.log" "$out/" || true; fail "it does not come up, see $out/console.log"; }
for file in vmlinuz initrd.img root.qcow2 vdb.qcow2 vdc.qcow2; do mv "$scratch/$file" "$out/"; done
echo "$stamp" >"$out/stamp"
