<#
.SYNOPSIS
    Compares VirtSnapshot with the usual tools in one session: medians of alternating runs, and their ratio.
.PARAMETER Runs
    The number of runs of each side.
.PARAMETER HostRuns
    The number of runs on the host over ssh, which is slow.
.PARAMETER Cycles
    The number of snapshots and merges in the memory measurement.
.PARAMETER Part
    Only these parts, with wildcards: Snapshots, Methods, Slow, Host, Import, Listing, Stacks, Memory.
.NOTES
    Run it with ./build.sh bench, on an idle machine. The ratio is the result. The column Debian is the version of the hypervisor's host.
#>
param([int] $Runs = 9, [int] $HostRuns = 5, [int] $Cycles = 1000, [string[]] $Part = '*')

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true
$ConfirmPreference = 'None'

$root = Split-Path $PSScriptRoot
$lab = "$root/tests/Lab"
$folder = [IO.Directory]::CreateTempSubdirectory('vs-bench-').FullName
$debian = (Get-Content /etc/debian_version).Split('.')[0]
$row = '{0,-52} {1,6} {2,9:0.0} {3,9:0.0} {4,6:0.00} {5,8}'

function Measure-Milliseconds([scriptblock] $Action) {
    (Measure-Command $Action).TotalMilliseconds
}

function Get-Median([double[]] $Values) {
    $sorted = @($Values | Sort-Object)
    $middle = [int][Math]::Floor($sorted.Count / 2)
    $sorted.Count % 2 ? $sorted[$middle] : ($sorted[$middle - 1] + $sorted[$middle]) / 2
}

function Write-Row([string] $What, [double] $Ours, $Theirs, [string] $Goal) {
    $ratio = $Theirs ? $Ours / $Theirs : $null
    Write-Host ($row -f $What, $debian, $Ours, $Theirs, $ratio, $Goal)
}

# The length of the last freeze in the guest agent's log.
function Get-FreezeWindow([string] $Name) {
    $stamps = foreach ($line in & "$lab/in-guest.sh" $uri $Name /bin/grep -E '^[0-9.]+: debug: (dis|en)abling command: guest-fsfreeze-freeze$' /run/qga.log) {
        [double][regex]::Match($line, '^[\d.]+').Value
    }
    ($stamps[-1] - $stamps[-2]) * 1000
}

function Measure-Snapshots([string] $Name, [int] $Disks, [double] $TimeGoal, [double] $WindowGoal, [string] $Guest = '') {
    $targets = foreach ($i in 0..($Disks - 1)) { "vd$([char](97 + $i))" }
    $times = @{ Ours = @(); Theirs = @() }
    $windows = @{ Ours = @(); Theirs = @() }
    $merges = @{ Ours = @(); Theirs = @() }
    foreach ($run in 0..$Runs) {
        $theirs = Measure-Milliseconds { virsh -q -c $uri snapshot-create-as $Name "v$run" --disk-only --atomic --quiesce --no-metadata }
        $theirWindow = Get-FreezeWindow $Name
        $theirMerge = Measure-Milliseconds { foreach ($target in $targets) { virsh -q -c $uri blockcommit $Name $target --active --pivot --wait } }
        foreach ($target in $targets) { Remove-Item "$folder/images/$Name-$target.v$run" }

        $ours = Measure-Milliseconds { $script:snapshots = New-DiskSnapshot $Name -QuiesceRequired }
        $ourWindow = Get-FreezeWindow $Name
        $ourMerge = Measure-Milliseconds { $script:snapshots | Remove-DiskSnapshot }

        # The first run is a warm-up of both sides.
        if ($run -gt 0) {
            $times.Ours += $ours; $times.Theirs += $theirs
            $windows.Ours += $ourWindow; $windows.Theirs += $theirWindow
            $merges.Ours += $ourMerge; $merges.Theirs += $theirMerge
        }
    }

    Write-Row "snapshot of $Disks disk(s)$Guest, ms" (Get-Median $times.Ours) (Get-Median $times.Theirs) "<= $TimeGoal"
    Write-Row "  freeze window by the guest's log, ms" (Get-Median $windows.Ours) (Get-Median $windows.Theirs) "<= $WindowGoal"
    Write-Row "  merge of $Disks disk(s), ms" (Get-Median $merges.Ours) (Get-Median $merges.Theirs) ($Disks -gt 1 ? '<= 0.5' : '')
}

# Measures a method's freeze window, and the same by hand: $ByHand freezes, runs the storage's command, and thaws. $Undo removes its snapshot. Both get
# the number of the run.
function Measure-Window([string] $Name, [string] $Method, [scriptblock] $ByHand, [scriptblock] $Undo, [string] $Where = '', [string] $Goal = '<= 1.0') {
    $windows = @{ Ours = @(); Theirs = @() }
    $domain = Get-VmDomain $Name -Uri $uri
    foreach ($run in 0..$Runs) {
        $null = . $ByHand $run
        $theirs = Get-FreezeWindow $Name
        $null = . $Undo $run

        $snapshots = $domain | New-DiskSnapshot -Method $Method -QuiesceRequired
        $ours = Get-FreezeWindow $Name
        $snapshots | Remove-DiskSnapshot

        # The first run is a warm-up of both sides.
        if ($run -gt 0) { $windows.Ours += $ours; $windows.Theirs += $theirs }
    }

    Write-Row "freeze window of $Method$Where, ms" (Get-Median $windows.Ours) (Get-Median $windows.Theirs) $Goal
}

function Measure-FileSystemMethods {
    $mount = "$folder/images/btrfs"
    $vms = "$mount/vms"
    truncate -s 1G "$mount.img"
    mkfs.btrfs -q "$mount.img" 2>$null
    $null = New-Item -ItemType Directory $mount
    mount -o loop "$mount.img" $mount
    $null = btrfs subvolume create $vms
    & "$lab/domain.sh" $uri btrfs $vms --disks 1 --format raw
    $freeze = { virsh -q -c $uri domfsfreeze btrfs }
    $thaw = { virsh -q -c $uri domfsthaw btrfs }
    Measure-Window btrfs btrfs {
        param($Run) . $freeze; btrfs subvolume snapshot -r $vms "$vms/by-hand$Run"; . $thaw
    } { param($Run) btrfs subvolume delete "$vms/by-hand$Run" }
    Measure-Window btrfs reflink {
        param($Run) . $freeze; cp --reflink=always "$vms/images/btrfs-vda.raw" "$vms/by-hand$Run"; . $thaw
    } { param($Run) rm "$vms/by-hand$Run" }
    virsh -q -c $uri destroy btrfs
    umount $mount
}

# Slow storage: XFS shares an image's extents one by one. By hand the guest is frozen for the whole time;
# with temporary overlays it is frozen only for the switch.
function Measure-SlowMethod([int] $Extents) {
    $Runs = $HostRuns
    $mount = "$folder/images/xfs"
    truncate -s 8G "$mount.img"
    mkfs.xfs -q -m reflink=1 "$mount.img"
    $null = New-Item -ItemType Directory $mount
    mount -o loop "$mount.img" $mount
    & "$lab/domain.sh" $uri slow $mount --disks 1 --format raw --records off
    $image = "$mount/images/slow-vda.raw"

    # Beyond the part that QEMU uses, every second block becomes a hole.
    sh -ec 'size=$(stat -c %s "$1")
        dd if=/dev/zero of="$1" bs=1M seek=$((size >> 20)) count=$((($2 >> 7) + 1)) conv=notrunc,fsync status=none
        awk -v size="$size" -v extents="$2" ''BEGIN { for (i = 0; i < extents; i++) printf "fpunch %.0f 4096\n", size + i * 8192 }'' |
            xfs_io "$1" >/dev/null' sh $image $Extents
    Measure-Window slow reflink {
        param($Run) virsh -q -c $uri domfsfreeze slow; cp --reflink=always $image "$mount/by-hand$Run"; virsh -q -c $uri domfsthaw slow
    } { param($Run) rm "$mount/by-hand$Run" } " of $Extents extents"
    virsh -q -c $uri destroy slow
    umount $mount
}

# Over ssh, on a host that is an emulated machine. The other side is a script on the host, without a round trip in its freeze window.
function Measure-HostMethods {
    $hostFolder = "$folder/host"
    $Runs = $HostRuns
    $uri = & "$lab/host.sh" start $hostFolder $PID
    function Enter-Host { & "$lab/host.sh" enter $hostFolder @args }
    $debian = (Enter-Host cat /etc/debian_version).Split('.')[0]

    $subvolume = Enter-Host /lab/host/storage subvolume bench
    $dataset = Enter-Host /lab/host/storage dataset bench
    $storage = [ordered]@{
        'lvm' = (Enter-Host /lab/host/storage thick bench 128M),
            @('lvcreate', '-q', '-y', '-s', '-L', '64M', '-n', 'by-hand', 'vg/bench'),
            @('lvremove', '-q', '-y', 'vg/by-hand')
        'lvm-thin' = (Enter-Host /lab/host/storage thin bench-thin 128M),
            @('lvcreate', '-q', '-y', '-s', '-n', 'by-hand', 'vg/bench-thin'),
            @('lvremove', '-q', '-y', 'vg/by-hand')
        'zfs' = "$dataset/vda.raw", @('zfs', 'snapshot', 'tank/vms/bench@by-hand'), @('zfs', 'destroy', 'tank/vms/bench@by-hand')
        'btrfs' = "$subvolume/vda.raw", @('btrfs', '-q', 'subvolume', 'snapshot', '-r', $subvolume, "$subvolume-by-hand"),
            @('btrfs', '-q', 'subvolume', 'delete', "$subvolume-by-hand")
    }
    foreach ($method in $storage.Keys) {
        $disk, $act, $back = $storage[$method]
        Enter-Host /lab/domain.sh qemu:///system $method /srv/lab --disk "vda=raw:$disk" --records off
        Measure-Window $method $method {
            Enter-Host sh -c 'virsh -q domfsfreeze $0; "$@"; virsh -q domfsthaw $0' $method @act
        } { Enter-Host @back } ' over ssh'
        virsh -q -c $uri destroy $method
    }

    & "$lab/host.sh" stop $hostFolder
}

function Measure-Import {
    # As a .NET tool, PowerShell is a program that dotnet runs.
    $shell = [Environment]::ProcessPath
    $first = (Split-Path $shell -Leaf) -eq 'dotnet' ? @("$PSHOME/pwsh.dll") : @()
    $bare = @(); $with = @()
    foreach ($run in 0..$Runs) {
        $bare += Measure-Milliseconds { & $shell @first -NoProfile -Command '$null' }
        $with += Measure-Milliseconds { & $shell @first -NoProfile -Command "Import-Module '$root/out/VirtSnapshot/VirtSnapshot.psd1'" }
    }

    $extra = (Get-Median $with) - (Get-Median $bare)
    Write-Row 'Import-Module beyond the bare shell, ms' $extra $null '< 150'
}

function Measure-Listing([int] $Count) {
    $xml = [Text.StringBuilder]::new('<node>')
    foreach ($i in 1..$Count) {
        $null = $xml.Append("<domain type='test'><name>d$i</name><memory>131072</memory><vcpu>1</vcpu><os><type>hvm</type></os><devices>" +
            "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/images/d$i-a.qcow2'/><target dev='vda' bus='virtio'/></disk>" +
            "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/images/d$i-b.qcow2'/><target dev='vdb' bus='virtio'/></disk>" +
            "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel></devices></domain>")
    }

    $null = $xml.Append('</node>')
    $text = $xml.ToString()
    $commands = "$folder/commands"
    $lines = @('list --all') + @(foreach ($i in 1..$Count) { "dumpxml d$i" })
    Set-Content $commands $lines
    $ours = @(); $theirs = @()
    foreach ($run in 0..$Runs) {
        # A new file for each run, so that both sides open a new connection.
        $file = "$folder/node-$Count-$run.xml"
        Set-Content $file $text
        $virsh = Measure-Milliseconds { bash -c 'virsh -q -c "test://$1" < "$2" > /dev/null' bash $file $commands }
        $module = Measure-Milliseconds { Get-VmDomain -Uri "test://$file" }
        if ($run -gt 0) { $theirs += $virsh; $ours += $module }
    }

    Write-Row "Get-VmDomain of $Count domains, ms" (Get-Median $ours) (Get-Median $theirs) '<= 1.0'
}

# By hand, the tools run one after the other: for each disk the images and the mount, and once the devices.
function Measure-Storage([int] $Count) {
    $images = "$folder/stacks"
    $null = New-Item -ItemType Directory $images
    qemu-img create -q -f qcow2 "$images/base.qcow2" 1G
    qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 "$images/middle.qcow2"
    qemu-img create -q -f qcow2 -b middle.qcow2 -F qcow2 "$images/top.qcow2"
    $xml = [Text.StringBuilder]::new('<node>')
    foreach ($i in 1..$Count) {
        $null = New-Item -ItemType Directory "$images/$i"
        Copy-Item "$images/*.qcow2" "$images/$i"
        $null = $xml.Append("<domain type='test'><name>d$i</name><memory>131072</memory><vcpu>1</vcpu><os><type>hvm</type></os><devices>" +
            "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>" +
            "<source file='$images/$i/top.qcow2'/><target dev='vda' bus='virtio'/></disk></devices></domain>")
    }

    Set-Content "$folder/stacks.xml" $xml.Append('</node>')
    $domains = @(Get-VmDomain -Uri "test://$folder/stacks.xml")
    $ours = @(); $theirs = @()
    foreach ($run in 0..$Runs) {
        $byHand = Measure-Milliseconds {
            bash -c 'for top in "$1"/*/top.qcow2; do qemu-img info --backing-chain --output=json "$top"; findmnt -J -T "$top"; done > /dev/null
                lsblk -J -b > /dev/null' bash $images
        }
        $module = Measure-Milliseconds { $domains | Get-DiskStorageStack }
        if ($run -gt 0) { $theirs += $byHand; $ours += $module }
    }

    Write-Row "storage stacks of $Count domains, chains of 3, ms" (Get-Median $ours) (Get-Median $theirs) '<= 0.5'
}

function Measure-Memory([string] $Name) {
    $process = Get-Process -Id $PID
    $at = [ordered]@{}
    foreach ($cycle in 1..$Cycles) {
        New-DiskSnapshot $Name -NoQuiesce | Remove-DiskSnapshot
        if ($cycle -in [int]($Cycles / 10), [int]($Cycles / 2), $Cycles) {
            [GC]::Collect(); [GC]::WaitForPendingFinalizers(); [GC]::Collect()
            $process.Refresh()
            $at["$cycle"] = '{0:0.0} MiB managed, {1:0.0} MiB resident, {2} handles' -f
                ([GC]::GetTotalMemory($true) / 1MB), ($process.WorkingSet64 / 1MB), $process.HandleCount
        }
    }

    foreach ($cycle in $at.Keys) {
        Write-Host ("{0,-52} {1,6}  {2}" -f "after $cycle snapshots and merges", $debian, $at[$cycle])
    }
}

$parts = [ordered]@{
    Snapshots = {
        Measure-Snapshots one 1 1.0 1.0
        & "$lab/domain.sh" $uri eight $folder --disks 8 --records off
        Measure-Snapshots eight 8 0.8 0.7
        virsh -q -c $uri destroy eight

        # With every tool, most of a freeze is a wait in the guest's kernel: three RCU grace periods for each file system, one after the other.
        # A guest without these waits shows the time of the tools.
        & "$lab/domain.sh" $uri quick $folder --disks 8 --records off --cmdline rcupdate.rcu_expedited=1
        Measure-Snapshots quick 8 0.8 0.7 ', rcu_expedited'
        virsh -q -c $uri destroy quick
    }
    Methods = { Measure-FileSystemMethods }
    Slow = { Measure-SlowMethod 400000 }
    Host = { Measure-HostMethods }
    Import = { Measure-Import }
    Listing = { Measure-Listing 1000; Measure-Listing 5000 }
    Stacks = { Measure-Storage 100 }
    Memory = { Measure-Memory one }
}

try {
    $uri = & "$lab/libvirtd.sh" start $folder $PID
    $env:LIBVIRT_DEFAULT_URI = $uri
    & "$lab/domain.sh" $uri one $folder --disks 1 --records off
    Import-Module "$root/out/VirtSnapshot"
    Write-Host ($row -f "medians of $Runs alternating runs", 'Debian', 'ours', 'virsh', 'ratio', 'goal')
    foreach ($name in $parts.Keys) {
        if ($Part | Where-Object { $name -like $_ }) { . $parts[$name] }
    }
}
finally {
    & "$lab/libvirtd.sh" stop $folder
    Remove-Item $folder -Recurse -Force
}
