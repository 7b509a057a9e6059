#!/usr/bin/env bash
# guest.sh [OUTDIR]: builds the test guest's kernel (vmlinuz) and initramfs (initrd.img) in OUTDIR.
# They are built once, and again only if this script or a package with files of the guest has changed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=SCRIPTDIR/lib.sh
. "$here/lib.sh"
out=${1:-${VIRTSNAPSHOT_LAB_CACHE:-/var/cache/virtsnapshot-lab}}

# One build at a time; the others wait for it.
mkdir -p "$out"
# Copies from another machine, as on the lab host, are used without a check.
[[ ! -e $out/as-is ]] || exit 0
exec 9>"$out/lock"
flock 9

# A newer kernel in the archive causes no new build: only installed packages are checked.
stamp=$(
    {
        cat "$here/guest.sh" "$here"/guest/*
        # The package name ends in t64 since Debian 13.
        dpkg-query -W busybox-static libc6 'libglib2.0-0*'
    } | sha256sum
)
[[ ! -f $out/stamp || $(<"$out/stamp") != "$stamp" ]] || exit 0

# On the same file system as the result, so that moving it is atomic.
scratch=$(mktemp -d "$out/build.XXXXXX")
cleanup() { rm -rf "$scratch"; }
log_to "$out/guest.log"
step 'building the guest'
root=$scratch/root packages=$scratch/packages
mkdir -p "$root"/{bin,dev,etc,lib/modules,mnt,proc,run,sys,tmp} "$packages"
cd "$packages"

download() {
    local kernel
    kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p')
    # An empty name means that there are no package lists: the function fails, and must not end the shell.
    [[ -n $kernel ]] && apt-get -qq -o APT::Sandbox::User=root download qemu-guest-agent "$kernel"
}
# Missing or outdated package lists are the usual reason for a failure.
download || { apt-get -q update && download; }
for package in *.deb; do
    dpkg -x "$package" .
done

# busybox is the whole user space.
cp "$(command -v busybox)" "$root/bin/busybox"
for applet in $(busybox --list | grep -vx busybox); do
    ln -s busybox "$root/bin/$applet"
done

# The agent, with its libraries at their paths.
cp usr/sbin/qemu-ga "$root/bin/"
ldd usr/sbin/qemu-ga >libraries
if grep 'not found' libraries; then fail 'the guest agent needs a library that this machine does not have'; fi
for library in $(grep -o '/[^ ]*' libraries); do
    install -D "$library" "$root$library"
done

# modules_of is in lib.sh, since the lab host uses it, too.
modules_of . "$root" <"$here/guest/modules"

install -m 755 "$here/guest/init" "$root/init"
install -m 755 "$here"/guest/{write-records,hang-agent} "$root/bin/"

# Not compressed: on the emulated processor, decompressing is slower than reading.
(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) >"$scratch/initrd.img"
mv "$packages"/boot/vmlinuz-* "$scratch/vmlinuz"
chmod 644 "$scratch"/{vmlinuz,initrd.img}
mv "$scratch/vmlinuz" "$scratch/initrd.img" "$out/"
echo "$stamp" >"$out/stamp"
