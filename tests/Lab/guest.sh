#!/usr/bin/env bash
# guest.sh [OUTDIR]: builds the test guest's kernel (vmlinuz) and first file system (initrd.img) into OUTDIR.
# Done once: again only when the recipe or a package that it takes files from has changed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=SCRIPTDIR/lib.sh
. "$here/lib.sh"
out=${1:-${VIRTSNAPSHOT_LAB_CACHE:-/var/cache/virtsnapshot-lab}}

# One at a time; the others then find it done.
mkdir -p "$out"
# Where they were brought from elsewhere, as to the lab host, they are right as they are.
[[ ! -e $out/as-is ]] || exit 0
exec 9>"$out/lock"
flock 9

# A newer kernel in the archive is no reason to build again: only what this machine has is looked at.
stamp=$(
    {
        cat "$here/guest.sh" "$here"/guest/*
        # Its name ends in t64 since Debian 13.
        dpkg-query -W busybox-static libc6 'libglib2.0-0*'
    } | sha256sum
)
[[ ! -f $out/stamp || $(<"$out/stamp") != "$stamp" ]] || exit 0

# Beside the result, so that moving it into place is atomic.
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
    # An empty name here means that there are no lists at all, which is a failure and not the shell's end.
    [[ -n $kernel ]] && apt-get -qq -o APT::Sandbox::User=root download qemu-guest-agent "$kernel"
}
# Lists that were never fetched, or are too old, are the usual reason for a failure.
download || { apt-get -q update && download; }
for package in *.deb; do
    dpkg -x "$package" .
done

# One program is the whole user space.
cp "$(command -v busybox)" "$root/bin/busybox"
for applet in $(busybox --list | grep -vx busybox); do
    ln -s busybox "$root/bin/$applet"
done

# The agent, with the libraries where its loader will look for them.
cp usr/sbin/qemu-ga "$root/bin/"
ldd usr/sbin/qemu-ga >libraries
if grep 'not found' libraries; then fail 'the guest agent needs a library that this machine does not have'; fi
for library in $(grep -o '/[^ ]*' libraries); do
    install -D "$library" "$root$library"
done

# "modules_of" is in lib.sh, for the lab host has the same modules.
modules_of . "$root" <"$here/guest/modules"

install -m 755 "$here/guest/init" "$root/init"
install -m 755 "$here"/guest/{write-records,hang-agent} "$root/bin/"

# Not compressed: the emulated processor would spend longer on unpacking than on reading.
(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) >"$scratch/initrd.img"
mv "$packages"/boot/vmlinuz-* "$scratch/vmlinuz"
chmod 644 "$scratch"/{vmlinuz,initrd.img}
mv "$scratch/vmlinuz" "$scratch/initrd.img" "$out/"
echo "$stamp" >"$out/stamp"
