# shellcheck shell=bash
# Functions for the lab's scripts that install or build something. It is sourced, not executed.

fail() { echo "lab: $*" >&2; exit 1; }

# The packages in the file $1: words, and comments after a #.
packages_of() { sed 's/#.*//' "$1" | xargs -n 1; }

# Redirects all further output to the file $1, except that of "step". If the script fails later, the file's last lines are printed.
# A function "cleanup" of the script is called when it ends.
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

# Copies the machine's APT sources of its Debian release to files in the folder $1, for release $2, with the component $3 if given.
# Prints the files' names. Other sources (packages of vendors) are omitted.
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
# /lib/modules/NAME.ko, with the names in the same sequence in /lib/modules.order. Built-in modules are omitted. Debian 13 compresses modules,
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
