<#
.SYNOPSIS
    Boots a small guest with two disks under a libvirt of its own, snapshots them while it writes, reads the snapshots, and merges them back.
.NOTES
    Run it by ./build.sh demo. Only the engine's core cmdlets, .NET and external programs: it runs under tools/VirtSnapshot.Shell, too.
#>
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true

$root = [IO.Path]::GetDirectoryName($PSScriptRoot)
$lab = "$root/tests/Lab"
$folder = [IO.Directory]::CreateTempSubdirectory('vs-demo-').FullName

function Write-Talk([string] $Text) {
    $Host.UI.WriteLine()
    $Host.UI.WriteLine('Cyan', $Host.UI.RawUI.BackgroundColor, "# $Text")
}

# Shows a command as it would be typed, and then what it gives. Dot-sourced, so that what it assigns is there afterwards.
function Show([scriptblock] $Command) {
    $Host.UI.WriteLine('Yellow', $Host.UI.RawUI.BackgroundColor, "PS> $("$Command".Trim())")
    . $Command | Out-Default
}

# The records are 64 bytes each and numbered. Reading them from an image also checks every one, and the file system.
function Get-LastRecord([string] $Image) {
    $null = & "$lab/records.sh" $Image qcow2 "$folder/records"
    $lines = [IO.File]::ReadAllLines("$folder/records")
    [int]$lines[-1].Substring(0, 10)
}

function Get-Acknowledged {
    $lines = [IO.File]::ReadAllLines("$folder/web1.acknowledged")
    $lines.Count -gt 0 ? [int]$lines[-1] : 0
}

function Wait-Records([int] $More) {
    $from = Get-Acknowledged
    while ((Get-Acknowledged) -lt $from + $More) { [Threading.Thread]::Sleep(50) }
}

try {
    Write-Talk 'A libvirt of its own, and a guest with two disks and a guest agent. It writes numbered records, first to one disk, then to the other.'
    $env:LIBVIRT_DEFAULT_URI = & "$lab/libvirtd.sh" start $folder $PID
    & "$lab/domain.sh" $env:LIBVIRT_DEFAULT_URI web1 $folder --disks 2
    Import-Module "$root/out/VirtSnapshot/VirtSnapshot.psd1"
    Wait-Records 20

    . Show { Get-VmDomain web* }
    . Show { Get-VmDomain web1 | Get-VmDisk }

    Write-Talk 'A snapshot of both disks at one moment, while the guest runs: its file systems stand still only within the freeze window.'
    $acknowledged = Get-Acknowledged
    . Show { $snapshots = Get-VmDomain web* | New-DiskSnapshot -QuiesceRequired; $snapshots }
    . Show { $snapshots[0].BackupSource.Xml }
    . Show { $snapshots[0].ModifiedDisk.Xml }

    Write-Talk 'The backup sources are read on the host, while the guest goes on writing elsewhere.'
    Wait-Records 20
    $records = foreach ($snapshot in $snapshots) { Get-LastRecord $snapshot.BackupSource.Path }
    $Host.UI.WriteLine("Record $acknowledged was on both disks before the snapshot was asked for; the snapshot of vda ends with record $($records[0]), that of vdb with record $($records[1]).")
    $Host.UI.WriteLine('Every record was checked, and e2fsck found both file systems clean without replaying a journal.')
    if ($records[0] - $records[1] -notin 0, 1 -or $records[1] -lt $acknowledged) {
        throw 'The two snapshots are not of one moment, or a record that was acknowledged is missing.'
    }

    . Show { Get-DiskSnapshot web1 }

    Write-Talk 'Merged back while the guest runs.'
    $before = Get-Acknowledged
    . Show { $snapshots | Remove-DiskSnapshot -Confirm:$false }
    Wait-Records 10
    $Host.UI.WriteLine("The guest had written $before records when the merge began, and has written $(Get-Acknowledged) now.")
    . Show { Get-VmDisk web1 }
    . Show { Get-DiskSnapshot web1 }

    Write-Talk 'Nothing is left over.'
    [IO.Directory]::GetFiles("$folder/images", 'web1*') | Out-Default
    if ([IO.Directory]::GetFiles("$folder/images", 'web1*').Count -ne 2 -or (Get-DiskSnapshot web1)) {
        throw 'Something is left over.'
    }
}
finally {
    & "$lab/libvirtd.sh" stop $folder
    [IO.Directory]::Delete($folder, $true)
}
