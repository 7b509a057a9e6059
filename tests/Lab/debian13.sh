#!/usr/bin/env bash
# debian13.sh make|run [--bare] [CMD...]: a Debian 13 on this machine, for the tests and the demo.
#
#   make [--bare]         builds its root tree in the cache, once; again only if its packages or the machine's APT sources have changed
#   run [--bare] CMD...   runs a command in it, in the current folder, and ends with the command's exit code
#
# The tree contains the packages of install.sh and the dependencies of .NET; --bare is another tree with only the latter.
# At the same paths as outside, a command finds this repository, the .NET SDK with its tools, and NuGet's packages and configuration. The network is
# the machine's.
# Everything else is separate. Other files that it writes are deleted, and all its processes are killed, when it ends.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=SCRIPTDIR/lib.sh
. "$here/lib.sh"
repository=$(realpath "$here/../..")
cache=$(realpath -m "${VIRTSNAPSHOT_LAB_CACHE:-/var/cache/virtsnapshot-lab}")/debian13

usage() { sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2; }

choose_tree() {
    # The dependencies of .NET, without ICU.
    packages=(ca-certificates libgcc-s1 libssl3t64 libstdc++6 tzdata)
    tree=$cache/bare
    if [[ $bare == no ]]; then
        mapfile -t -O "${#packages[@]}" packages < <(packages_of "$here/packages")
        tree=$cache/full
    fi
}

# Returns with a shared lock on the tree, so that it is not replaced while a command runs.
make() {
    local stamp sources folder
    [[ $EUID -eq 0 ]] || fail 'only root can make a Debian 13'
    mkdir -p "$cache"
    folder=$(mktemp -d)
    mapfile -t sources < <(debian_sources "$folder" trixie)
    stamp=$({ printf '%s\n' "${packages[@]}"; cat "${sources[@]}"; declare -f make_tree; } | sha256sum)
    is_made() { [[ -f $tree/stamp && $(<"$tree/stamp") == "$stamp" ]]; }
    exec 9>"$tree.lock"
    flock --shared 9
    if ! is_made; then
        flock --unlock 9
        flock 9
        # Another process may have built it while this one waited.
        is_made || stamp=$stamp nice -n 19 bash "$0" make-anew "$bare" "${sources[@]}"
        flock --shared 9
    fi
    rm -rf "$folder"
}

# In a process of its own, with a log.
make_anew() {
    bare=$1
    shift
    choose_tree
    "$here/install.sh" debian13
    # Only Debian's own tools, not others in PATH: mmdebstrap starts python for each package.
    export PATH=/usr/sbin:/usr/bin:/sbin:/bin
    log_to "$tree.log"
    step "making a Debian 13 with ${#packages[@]} packages and what they depend on"
    scratch=$tree.new
    rm -rf "$tree" "$scratch"
    mkdir "$scratch"
    make_tree "$@"
    echo "$stamp" >"$scratch/stamp"
    mv "$scratch" "$tree"
}

make_tree() {
    mmdebstrap --mode=root --variant=minbase --format=directory --aptopt='Apt::Install-Recommends "false"' \
        --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/{doc,man,locale}/*' \
        --include="$(IFS=,; echo "${packages[*]}")" trixie "$scratch/root" "$@"
}

# The outer process: it deletes the written files, and passes on signals and the exit code.
run() {
    local scratch child code old
    command -v dotnet >/dev/null || fail "there is no 'dotnet' in PATH"
    make
    # A run that was killed leaves its folder, without a lock on it.
    exec 7>"$cache/runs.lock"
    flock 7
    for old in "$cache"/run.*; do
        [[ ! -d $old ]] || flock --nonblock "$old" rm -rf "$old" || true
    done
    scratch=$(mktemp -d "$cache/run.XXXXXX")
    exec 6<"$scratch"
    flock --shared 6
    exec 7>&-
    # shellcheck disable=SC2064 # now
    trap "rm -rf '$scratch'" EXIT
    # In the background, so that a signal is handled immediately. stdin and interrupts are passed on nevertheless.
    exec 8<&0
    env --default-signal=INT,QUIT setpriv --pdeathsig KILL \
        unshare --mount --propagation private --pid --fork --kill-child \
        bash "$0" inside "$tree/root" "$scratch" "$@" <&8 8<&- &
    child=$!
    trap : INT QUIT
    trap 'kill -KILL "$child" 2>/dev/null' TERM HUP
    while :; do
        code=0
        wait "$child" || code=$?
        kill -0 "$child" 2>/dev/null || break
    done
    exit "$code"
}

# The first process of the new namespaces.
inside() {
    local lower=$1 scratch=$2 root=$2/root folder path
    shift 2
    [[ $$ -eq 1 ]] || usage
    mkdir -p "$scratch"/{upper,work,tmp,root} "$cache/lab"
    mount -t overlay -o "lowerdir=$lower,upperdir=$scratch/upper,workdir=$scratch/work" debian13 "$root"

    # Devices are shared with the kernel, since new ones appear while it runs (loop devices); the rest of /dev is separate.
    mount --rbind /dev "$root/dev"
    mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
    mount -t proc proc "$root/proc"
    mount -t sysfs sysfs "$root/sys"
    mount -t tmpfs -o mode=755 run "$root/run"
    mkdir -m 1777 "$root/run/lock"
    # Disk images are in /tmp, which must not be on an overlay: it has no block device.
    chmod 1777 "$scratch/tmp"
    mount --bind "$scratch/tmp" "$root/tmp"

    # A separate cache: the guest has this Debian's kernel, and the QEMU capabilities are this Debian's.
    mkdir -p "$root/var/cache/virtsnapshot-lab"
    mount --bind "$cache/lab" "$root/var/cache/virtsnapshot-lab"

    for path in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt; do
        share "$path"
    done
    DOTNET_ROOT=${DOTNET_ROOT:-$(dirname "$(readlink -f "$(command -v dotnet)")")}
    export DOTNET_ROOT
    for path in "$DOTNET_ROOT" "$HOME"/{.nuget,.config/NuGet,.dotnet} "$repository"; do
        share "$path"
    done

    folder=$PWD
    cd "$root"
    mkdir old
    pivot_root . old
    cd /
    umount --lazy /old
    rmdir /old
    cd "$folder" 2>/dev/null || cd /
    export PATH=$DOTNET_ROOT:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    # A bare Debian has no libicu, which .NET needs otherwise.
    export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=${DOTNET_SYSTEM_GLOBALIZATION_INVARIANT:-1}
    unset VIRTSNAPSHOT_LAB_CACHE TMPDIR
    # This shell is the first process of the PID namespace and reaps orphaned processes.
    code=0
    "$@" 6<&- 9<&- || code=$?
    exit "$code"
}

# Mounts a file or folder of this machine at the same path.
share() {
    local target=$root$1
    if [[ -d $1 ]]; then
        mkdir -p "$target"
    elif [[ -e $1 ]]; then
        mkdir -p "${target%/*}"
        [[ -e $target ]] || : >"$target"
    else
        return 0
    fi
    mount --rbind "$1" "$target"
}

[[ $# -ge 1 ]] || usage
verb=$1 bare=no
shift
if [[ ${1:-} == --bare ]]; then bare=yes; shift; fi
case $verb in
    make) [[ $# -eq 0 ]] || usage; choose_tree; make ;;
    run) [[ $# -gt 0 ]] || usage; choose_tree; run "$@" ;;
    make-anew) make_anew "$@" ;;
    inside) inside "$@" ;;
    *) usage ;;
esac
