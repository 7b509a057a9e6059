#!/usr/bin/env bash
# host-image.sh [OUTDIR]: builds the lab host's files in OUTDIR (below the cache): vmlinuz, initrd.img, root.qcow2, and vdb.qcow2 and
# vdc.qcow2, the disks with its storage. This takes minutes, and is done once, and again only if this script has changed.
#
# It is always a Debian 12, so that its libvirt, LVM and ZFS are the same on all machines. Tests on Debian 13 use debian13.sh.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${VIRTSNAPSHOT_LAB_CACHE:-/var/cache/virtsnapshot-lab}
out=${1:-$cache/host}
# shellcheck source=SCRIPTDIR/lib.sh
. "$here/lib.sh"
release=bookworm

# One build at a time; the others wait for it.
mkdir -p "$out"
exec 9>"$out/lock"
flock 9

# A newer kernel or libvirt in the archive causes no new build; the other files in host/ are not part of the image.
stamp=$(cat "$here/host-image.sh" "$here/host"/{packages,initrd,storage,prepare,build-zfs} | sha256sum)
[[ ! -f $out/stamp || $(<"$out/stamp") != "$stamp" ]] || exit 0

[[ $EUID -eq 0 ]] || fail 'only root can build the lab host'
"$here/install.sh" host

scratch=$(mktemp -d "$out/build.XXXXXX")
cleanup() { rm -rf "$scratch"; }
# Only Debian's own tools, not others in PATH: mmdebstrap starts python for each package.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
log_to "$out/build.log"
root=$scratch/root
# ZFS is in contrib.
mapfile -t sources < <(debian_sources "$scratch" "$release" contrib)

# The Debian tree.
step 'making the lab host: packages'
mapfile -t packages <"$here/host/packages"
# libvirt-daemon-system depends on a service manager, so only its files are unpacked, and its users are created here. The kernel package
# would build its own initramfs, so it is only unpacked, too.
# shellcheck disable=SC2016 # for the shell inside
recipe='
    set -e
    cd /tmp
    kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n "s/^ *Depends: \(linux-image-[0-9].*\)/\1/p")
    apt-get -qq -o APT::Sandbox::User=root download libvirt-daemon-system "$kernel"
    dpkg -x libvirt-daemon-system_*.deb files
    cp -a files/etc /
    # Created by its maintainer script otherwise; the profiles include them.
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
    # Not needed, and libvirt would probe it for seconds at each start.
    rm /usr/bin/qemu-system-i386
    rm -rf /tmp/* /etc/ssh/ssh_host_* /var/lib/apt/lists/* /var/cache/apt/*
    mkdir -p /lab
'
mmdebstrap --mode=root --variant=minbase --format=directory --aptopt='Apt::Install-Recommends "false"' \
    --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/{doc,man,locale}/*' --include="$(IFS=,; echo "${packages[*]}")" \
    --customize-hook="chroot \"\$1\" sh -c '${recipe//\'/\'\\\'\'}'" \
    "$release" "$root" "${sources[@]}"
kernel=$(basename "$root"/lib/modules/*)

# The ZFS modules are cached, and built again only for another kernel or ZFS version, or if build-zfs has changed.
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

# The initramfs only finds and mounts the root disk.
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
# Thin: unwritten blocks use no space.
for disk in vdb vdc; do qemu-img create -q -f qcow2 "$scratch/$disk.qcow2" 16G; done

# The slow steps of a first boot are done here: its storage, libvirt's QEMU capabilities, AppArmor's profiles.
step 'making the lab host: first boot'
"$here/host.sh" prepare "$scratch" || { cp "$scratch/console.log" "$out/" || true; fail "it does not come up, see $out/console.log"; }
for file in vmlinuz initrd.img root.qcow2 vdb.qcow2 vdc.qcow2; do mv "$scratch/$file" "$out/"; done
echo "$stamp" >"$out/stamp"
