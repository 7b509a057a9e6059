#!/usr/bin/env bash
# ./build.sh [task] [arguments]: runs build.ps1, which knows the tasks: Build (when none is given), Test, Demo, Bench, Clean.
# It runs in the PowerShell that .config/dotnet-tools.json pins, whatever the machine has; VIRTSNAPSHOT_PWSH=PROGRAM takes another one.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

if ! dotnet=$(command -v dotnet); then
    echo "VirtSnapshot needs the .NET SDK 10, and there is no 'dotnet' in PATH: see https://dotnet.microsoft.com/download" >&2
    exit 69
fi

# An ordinary user's PATH leaves out where libvirtd and mke2fs are.
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# The lab mounts, and starts a libvirtd: root's work. What was built on the way is the user's again afterwards.
task=${1:-build}
if [[ $EUID -ne 0 && ${task,,} =~ ^(test|demo|bench)$ ]]; then
    code=0
    sudo env "PATH=$PATH" "VIRTSNAPSHOT_PWSH=${VIRTSNAPSHOT_PWSH:-}" "$root/build.sh" "$@" || code=$?
    sudo chown -R "$(id -u):$(id -g)" "$root"
    exit "$code"
fi

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_GENERATE_ASPNET_CERTIFICATE=false
export POWERSHELL_TELEMETRY_OPTOUT=1 POWERSHELL_UPDATECHECK=Off
# A bare Debian has no libicu, without which the SDK itself would not start.
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=${DOTNET_SYSTEM_GLOBALIZATION_INVARIANT:-1}
# For the executables that are built here: an SDK unpacked anywhere but in the usual places is not found by them.
if [[ -z ${DOTNET_ROOT:-} ]]; then
    dotnet=$(readlink -f "$dotnet")
    export DOTNET_ROOT=${dotnet%/*}
fi

if [[ -n ${VIRTSNAPSHOT_PWSH:-} ]]; then
    exec "$VIRTSNAPSHOT_PWSH" -NoProfile -File "$root/build.ps1" "$@"
fi

# The manifest is looked for from the current folder upwards.
cd "$root"
mkdir -p "$root/out"
if ! dotnet tool restore >"$root/out/tool-restore.log" 2>&1; then
    tail -n 5 "$root/out/tool-restore.log" >&2
    echo "PowerShell cannot be restored from NuGet, see $root/out/tool-restore.log" >&2
    exit 69
fi
exec dotnet pwsh -NoProfile -File "$root/build.ps1" "$@"
