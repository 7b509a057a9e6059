# shellcheck shell=bash
# For the scripts of the lab that install or build something: sourced, never run.

fail() { echo "lab: $*" >&2; exit 1; }

# The packages that the file $1 names: words, and comments after a #.
packages_of() { sed 's/#.*//' "$1" | xargs -n 1; }

# Sends all output from here on to the file $1, but for what "step" says. A script that fails after it prints the file's last lines.
# What the script itself wants done when it ends belongs into a function "cleanup".
log_to() {
    log=$1
    exec 3>&2 >"$log" 2>&1 </dev/null
    trap 'finish $?' EXIT
}

step() {
    echo "lab: $*" >&3
    echo "== $*"
}

finish() {
    trap - EXIT
    if [[ $1 -ne 0 ]]; then
        tail -n 20 "$log" >&3
        echo "lab: failed: the lines above are the end of $log" >&3
    fi
    if declare -F cleanup >/dev/null; then cleanup; fi
    exit "$1"
}

# Writes the machine's own APT sources of its Debian release into files in the folder $1, for release $2, with the component $3 if it is given.
# Prints their names in their order. Other sources (vendors' packages) are left out.
debian_sources() {
    local folder=$1 release=$2 component=${3:-} own file source number=0
    own=$(. /etc/os-release && echo "$VERSION_CODENAME")
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
        [[ -r $file ]] || continue
        source=$folder/$number-${file##*/}
        case $file in
            *.list) sed -n "s/\$/${component:+ $component}/; /^deb .* $own/{ s/ $own/ $release/; p }" "$file" >"$source" ;;
            *.sources) awk -v RS= -v "own=$own" -v "release=$release" -v "component=$component" '
                ("\n" $0) ~ "\nSuites:[^\n]*[ \t]" own {
                    gsub("[ \t]" own, " " release)
                    if (component) gsub(/\nComponents:[^\n]*/, "& " component)
                    print $0 "\n"
                }' "$file" >"$source" ;;
        esac
        if [[ -s $source ]]; then
            echo "$source"
            number=$((number + 1))
        fi
    done
}

# Copies the kernel modules whose names are on stdin from the unpacked kernel package in the folder $1 into the file system below $2, for insmod: as
# /lib/modules/NAME.ko, and in /lib/modules.order the names in the same sequence. What this kernel has built in is left out. Debian 13 compresses modules,
# and has moved them to /usr.
modules_of() {
    local modules=$1/lib/modules file module
    [[ -d $modules ]] || modules=$1/usr/lib/modules
    mkdir -p "$2/lib/modules"
    while read -r module; do
        file=$(find "$modules" -name "$module.ko" -o -name "$module.ko.xz")
        case $file in
            *.xz) busybox unxz -c "$file" >"$2/lib/modules/$module.ko" ;;
            *.ko) cp "$file" "$2/lib/modules/" ;;
            *) grep -q "/$module\.ko\$" "$modules"/*/modules.builtin || fail "the kernel has no module $module"; continue ;;
        esac
        echo "$module" >>"$2/lib/modules.order"
    done
}
