#!/usr/bin/env bash
# Publishes the shell into out/VirtSnapshot.Shell, if its sources are newer than what is there.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=${here%/tools/*}
target=$root/out/VirtSnapshot.Shell

is_current() {
    [[ -f $target/.published ]] && [[ -z $(find "$here" "$root"/Directory.*.props \
        \( -name bin -o -name obj \) -prune -o -type f -newer "$target/.published" -print -quit) ]]
}
is_current && exit 0

if ! dotnet --list-sdks | grep -q '^1[0-9]\.'; then
    echo "VirtSnapshot needs the .NET SDK 10; dotnet has: $(dotnet --list-sdks | tr '\n' ' ')" >&2
    exit 69
fi

mkdir -p "$root/out"
exec 9>"$root/out/.VirtSnapshot.Shell.lock"
flock 9
is_current && exit 0

echo "Building tools/VirtSnapshot.Shell (once)" >&2
staging=$(mktemp -d "$root/out/.VirtSnapshot.Shell.XXXXXX")
trap 'rm -rf "$staging"' EXIT
chmod 755 "$staging"
touch "$staging/.published"     # before the build: what is edited while it runs is newer
log=$staging.log
trap 'rm -rf "$staging" "$log"' EXIT

publish() { dotnet publish "$here" -c Release -o "$staging" --nologo -v quiet "$@" 9>&- >"$log" 2>&1; }

# The compiler that precompiles is a package of its own, and there may be none for this machine's processor.
if ! publish && ! publish -p:PublishReadyToRun=false; then
    cat "$log" >&2
    exit 70
fi

# Never over the files of a shell that is running: it would die of it.
rm -rf "$target.old"
[[ ! -e $target ]] || mv "$target" "$target.old"
mv "$staging" "$target"
rm -rf "$target.old"
