# Prints the storage stack of disk images in one run. Arguments: "stack", or "images" if only the images themselves are needed; the number of paths
# that are not qcow2 images; and the paths, all absolute.
#
# The output consists of sections: a name, values, and an empty value, each followed by NUL, which neither paths nor program output contain.
PATH=$PATH:/usr/sbin:/sbin
scope=$1 plain=$2 devices=' '
shift 2
set -f

# Adds "major:minor" for each path to $devices: the device of its file system, or the block device itself. Arguments: the output of stat.
add_devices() {
    while [ $# -gt 3 ]; do
        if [ $(($2 & 0xF000)) -eq $((0x6000)) ]; then
            number="$(($3)):$(($4))"
        else
            number="$((($1 >> 8) & 0xFFF)):$((($1 & 0xFF) | (($1 >> 12) & 0xFFF00)))"
        fi
        case $devices in *" $number "*) ;; *) devices="$devices$number " ;; esac
        shift 4
    done
}

# Prints the superblock of an XFS that contains a path; it shows whether files can share blocks. Arguments: a line of mountinfo.
xfs_head() {
    case $devices in *" $3 "*) ;; *) return ;; esac
    number=$3 node=/dev/block/$3
    while [ "$1" != - ]; do shift; done
    [ -b "$node" ] || node=$3
    printf '%s' "$number"
    od -An -v -tx1 -N 216 -- "$node"
    printf '\0'
}

# Whether a device is a logical volume, or a logical volume underlies it.
is_on_volume() {
    node=/sys/dev/block/$1 uuid=''
    [ ! -r "$node/dm/uuid" ] || read -r uuid <"$node/dm/uuid"
    case $uuid in LVM-*) return 0 ;; esac
    if [ -e "$node/partition" ]; then
        read -r below <"$node/../dev" && is_on_volume "$below"
        return
    fi
    set +f
    for below in "$node"/slaves/*/dev; do
        if [ -r "$below" ] && read -r below <"$below" && is_on_volume "$below"; then return 0; fi
    done
    return 1
}

probe() {
    printf 'paths\0'
    realpath -zm -- "$@"
    printf '\0facts\0'
    stat -L --printf='%d %f %t %T %n\0' -- "$@" 2>/dev/null
    add_devices $(stat -L --printf='%d 0x%f 0x%t 0x%T\n' -- "$@" 2>/dev/null)

    # After stat, which may trigger an automount.
    mounts=$(cat /proc/self/mountinfo)
    printf '\0mounts\0%s\0\0' "$mounts"
    case $mounts in *' - btrfs '*)
        # The root of a subvolume has the inode number 256.
        printf 'folders\0'
        realpath -zm -- "$@" | sed -zn -e :up -e 's|/[^/]*$||;T;p;b up' | sort -zu | xargs -0r stat --printf='%i %n\0' -- / 2>/dev/null
        printf '\0pools\0'
        set +f
        for device in /sys/fs/btrfs/*/devices/*; do
            pool=${device%/devices/*}
            [ ! -r "$device/dev" ] || printf '%s %s\0' "${pool##*/}" "${device##*/}"
        done
        set -f
        printf '\0'
        ;;
    esac
    case $mounts in *' - xfs '*)
        printf 'xfs\0'
        IFS='
'
        for line in $mounts; do
            case $line in *' - xfs '*)
                IFS=' '
                xfs_head $line
                ;;
            esac
        done
        unset IFS
        printf '\0'
        ;;
    esac
    [ "$scope" != stack ] || below

    shift "$plain"
    printf 'heads\0'
    for image; do
        printf h
        if [ -f "$image" ] || [ -b "$image" ]; then od -An -v -tx1 -N 2048 -- "$image" 2>/dev/null; fi
        printf '\0'
    done
    printf '\0end\0\0'
}

# Prints the block devices and the logical volumes. lvs runs only if a path is on LVM, since it scans every disk of the host.
below() {
    printf 'devices\0'
    lsblk -J -b -o NAME,KNAME,TYPE,SIZE,MAJ:MIN 2>/dev/null
    printf '\0\0'
    if [ -d /dev/zvol ]; then
        printf 'zvols\0'
        find /dev/zvol -type l -printf '%l %P\0' | sed -z 's|^[^ ]*/||'
        printf '\0'
    fi
    case $devices in *' 0:'*)
        # btrfs reports an anonymous device number instead of those of its devices.
        set +f
        for device in /sys/fs/btrfs/*/devices/*/dev; do
            [ ! -r "$device" ] || { read -r number <"$device" && devices="$devices$number "; }
        done
        set -f
        ;;
    esac
    for number in $devices; do
        is_on_volume "$number" || continue
        if ! command -v lvs >/dev/null; then
            printf 'lvm-error\0%s\0\0' "the program 'lvs' is not installed (on Debian it is in the package 'lvm2')"
            return
        fi
        printf 'volumes\0'
        {
            fields=lv_uuid,vg_name,lv_name,lv_path,lv_size,pool_lv,origin,data_percent,metadata_percent,vg_free,vg_extent_size,segtype
            errors=$(timeout 60 lvs --reportformat json --units b --nosuffix -o "$fields,lv_kernel_major,lv_kernel_minor" 2>&1 >&4 4>&-)
            code=$?
        } 4>&1
        printf '\0\0'
        [ $code -eq 0 ] || printf 'lvm-error\0%s\0\0' "'lvs' failed: ${errors:-it ended with exit code $code and no error message}"
        return
    done
}

probe "$@" | head -c 67108864
