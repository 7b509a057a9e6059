#!/usr/bin/env bash
# domain.sh URI NAME DIR [OPTION...]: creates a test guest with new disks below DIR/images, starts it, and
# waits until its agent responds. It only prints the elapsed time, to stderr.
#
#   --disks N              1 to 26 disks from vda on (default 2; with --disk, only those disks)
#   --disk TARGET=FORMAT:PATH   uses this file or block device for a disk, instead of one below DIR/images; can be repeated.
#                          A file is created; a device, of at least SIZE, is overwritten
#   --size SIZE            size of each disk (64M)
#   --format qcow2|raw     format of each disk (qcow2)
#   --records LIST|off     the disks of the record writer, as vda,vdb (the first two)
#   --no-agent             no agent channel: returns when the guest's console shows that it is up
#   --transient            only started, not defined
#   --define-only          only defined, not started
#   --cmdline TEXT         additional kernel parameters
#
# It also creates DIR/NAME.console.log, and DIR/NAME.acknowledged, to which the record writer appends the number
# of each record that is on all its disks.
set -euo pipefail

usage() { sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2; }
fail() { echo "lab: $*" >&2; exit 1; }

[[ $# -ge 3 ]] || usage
uri=$1 name=$2 dir=$(realpath "$3")
shift 3
disks='' size=64M format=qcow2 records='' agent=1 mode=define cmdline=''
declare -A format_of=() path_of=()
while [[ $# -gt 0 ]]; do
    case $1 in
        --disks) disks=$2; shift ;;
        --disk)
            [[ $2 =~ ^(vd[a-z])=([a-z0-9]+):(/.*)$ ]] || usage
            format_of[${BASH_REMATCH[1]}]=${BASH_REMATCH[2]} path_of[${BASH_REMATCH[1]}]=${BASH_REMATCH[3]}
            shift
            ;;
        --size) size=$2; shift ;;
        --format) format=$2; shift ;;
        --records) records=$2; shift ;;
        --cmdline) cmdline=$2; shift ;;
        --no-agent) agent=0 ;;
        --transient) mode=create ;;
        --define-only) mode=only ;;
        *) usage ;;
    esac
    shift
done

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${VIRTSNAPSHOT_LAB_CACHE:-/var/cache/virtsnapshot-lab}
started=$EPOCHREALTIME
letters=abcdefghijklmnopqrstuvwxyz
virsh() { command virsh -q -c "$uri" "$@"; }

# The disks of an existing domain must not be overwritten.
! virsh domstate "$name" >/dev/null 2>&1 || fail "there is a domain $name already"

"$here/guest.sh" "$cache"

# Copying is faster than formatting: one blank image for each size is cached.
blank=$cache/ext4-$size.raw
if [[ ! -f $blank ]]; then
    scratch=$(mktemp "$blank.XXXXXX")
    truncate -s "$size" "$scratch"
    mke2fs -q -F -t ext4 -E lazy_itable_init=0,lazy_journal_init=0 "$scratch"
    mv "$scratch" "$blank"
fi

# The label of each file system is its disk's target, so that copies can be identified.
make_disk() {
    local image=${path_of[$1]} format=${format_of[$1]} existing=()
    local raw=$dir/images/$name-$1.raw
    if [[ $format == raw && ! -b $image ]]; then raw=$image; fi
    cp --sparse=always "$blank" "$raw"
    e2label "$raw" "$1"
    if [[ $image != "$raw" ]]; then
        # Zeros are written too, since a device may contain old data.
        if [[ $format == raw ]]; then existing=(-n); fi
        qemu-img convert -f raw -O "$format" "${existing[@]}" "$raw" "$image"
        rm "$raw"
    fi
}

mkdir -p "$dir/images"
[[ -n $disks || ${#path_of[@]} -gt 0 ]] || disks=2
for ((i = 0; i < disks; i++)); do
    target=vd${letters:i:1}
    if [[ -z ${path_of[$target]:-} ]]; then
        format_of[$target]=$format path_of[$target]=$dir/images/$name-$target.$format
    fi
done
mapfile -t targets < <(printf '%s\n' "${!path_of[@]}" | sort)
for target in "${targets[@]}"; do
    make_disk "$target"
done

# QEMU's user can read them here, wherever the cache is. They are hard links if possible, else copies.
for file in vmlinuz initrd.img; do
    cp -lf "$cache/$file" "$dir/images/" 2>/dev/null || cp -f "$cache/$file" "$dir/images/"
done

type=qemu cpu="<cpu mode='maximum'/>"
[[ ${VIRTSNAPSHOT_LAB_KVM:-0} != 1 ]] || type=kvm cpu="<cpu mode='host-passthrough'/>"

# Escapes a path for an attribute in single quotes. (Quotes in the replacements prevent that & means the match.)
in_xml() {
    local text=${1//&/"&amp;"}
    text=${text//</"&lt;"}
    printf '%s' "${text//\'/"&apos;"}"
}

definition() {
    cat <<-XML
		<domain type='$type'>
		  <name>$name</name>
		  <memory unit='MiB'>192</memory>
		  <vcpu>1</vcpu>
		  <os>
		    <type arch='x86_64' machine='q35'>hvm</type>
		    <kernel>$dir/images/vmlinuz</kernel>
		    <initrd>$dir/images/initrd.img</initrd>
		    <cmdline>console=ttyS0 panic=1 quiet${records:+ records=$records}${cmdline:+ $cmdline}</cmdline>
		  </os>
		  <features><acpi/></features>
		  $cpu
		  <on_reboot>restart</on_reboot>
		  <devices>
		    <controller type='usb' model='none'/>
		    <memballoon model='none'/>
	XML
    for target in "${targets[@]}"; do
        kind=file attribute=file
        [[ ! -b ${path_of[$target]} ]] || kind=block attribute=dev
        cat <<-XML
			    <disk type='$kind' device='disk'>
			      <driver name='qemu' type='${format_of[$target]}'/>
			      <source $attribute='$(in_xml "${path_of[$target]}")'/>
			      <target dev='$target' bus='virtio'/>
			    </disk>
		XML
    done
    if [[ $agent == 1 ]]; then
        cat <<-XML
			    <channel type='unix'>
			      <target type='virtio' name='org.qemu.guest_agent.0'/>
			    </channel>
		XML
    fi
    cat <<-XML
		    <channel type='file'>
		      <source path='$dir/$name.acknowledged'/>
		      <target type='virtio' name='lab.acknowledged'/>
		    </channel>
		    <serial type='file'>
		      <source path='$dir/$name.console.log'/>
		      <target port='0'/>
		    </serial>
		  </devices>
		</domain>
	XML
}

# The console is checked first, which is fast.
up() {
    grep -q '^lab: up' "$dir/$name.console.log" 2>/dev/null || return 1
    [[ $agent == 0 ]] || virsh qemu-agent-command "$name" '{"execute":"guest-ping"}' --timeout 1 >/dev/null 2>&1
}

xml=$dir/$name.xml
definition >"$xml"
case $mode in
    create) virsh create "$xml" ;;
    *) virsh define "$xml" ;;
esac >/dev/null
if [[ $mode == define ]]; then virsh start "$name" >/dev/null; fi

if [[ $mode != only ]]; then
    for ((i = 0; ; i++)); do
        ! up || break
        [[ $i -lt 600 ]] || fail "$name does not come up, see $dir/$name.console.log"
        sleep 0.1
    done
fi
printf 'lab: %s after %d ms\n' "$name" $(((${EPOCHREALTIME/[.,]/} - ${started/[.,]/}) / 1000)) >&2
