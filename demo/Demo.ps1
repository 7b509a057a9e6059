<#
.SYNOPSIS
    Boots a small guest with two disks under a private libvirt, takes snapshots of them while it writes, reads the snapshots, and merges them back.
.NOTES
    Run it with ./build.sh demo.
#>
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$root = Split-Path $PSScriptRoot
$folder = [IO.Directory]::CreateTempSubdirectory('vs-demo-').FullName

function Write-Talk([string] $Text) {
    Write-Host "`n# $Text" -ForegroundColor Cyan
}

# Shows a command and its output. Dot-sourced, so that the variables that it sets remain.
function Show([scriptblock] $Command) {
    Write-Host "PS> $("$Command".Trim())" -ForegroundColor Yellow
    . $Command | Out-Default
}

# Runs a script of the lab. Its messages are shown only if it fails.
function Invoke-Lab([string] $Script) {
    $output = & "$root/tests/Lab/$Script" @args 2>&1
    if ($LASTEXITCODE) {
        throw "tests/Lab/$Script ended with exit code ${LASTEXITCODE}:`n$($output -join "`n")"
    }

    $output | Where-Object { $_ -is [string] }
}

# The records are 64 bytes each and numbered. Reading them from an image also checks every one, and the file system.
function Get-LastRecord([string] $Image) {
    $null = Invoke-Lab records.sh $Image qcow2 "$folder/records"
    [int](Get-Content "$folder/records" -Tail 1).Substring(0, 10)
}

function Get-Acknowledged {
    # Not -Tail: it may return two lines of a file that is growing.
    [int](Get-Content "$folder/web1.acknowledged" | Select-Object -Last 1)
}

function Wait-Records([int] $More) {
    $from = Get-Acknowledged
    while ((Get-Acknowledged) -lt $from + $More) { Start-Sleep -Milliseconds 50 }
}

try {
    Write-Talk 'A private libvirt, and a guest with two disks and a guest agent. It writes numbered records, first to one disk, then to the other.'
    $env:LIBVIRT_DEFAULT_URI = Invoke-Lab libvirtd.sh start $folder $PID
    Invoke-Lab domain.sh $env:LIBVIRT_DEFAULT_URI web1 $folder --disks 2
    Import-Module "$root/out/VirtSnapshot"
    Wait-Records 20

    . Show { Get-VmDomain web* }
    . Show { Get-VmDomain web1 | Get-VmDisk }

    Write-Talk 'A snapshot of both disks at one moment, while the guest runs. Its file systems are frozen only within the freeze window.'
    $acknowledged = Get-Acknowledged
    . Show { $snapshots = Get-VmDomain web* | New-DiskSnapshot -Name demo -QuiesceRequired; $snapshots }
    . Show { $snapshots[0].BackupSource.Xml }
    . Show { $snapshots[0].ModifiedDisk.Xml }

    Write-Talk 'The backup sources are read on the host, while the guest writes to its overlays.'
    Wait-Records 20
    $records = $snapshots | ForEach-Object { Get-LastRecord $_.BackupSource.Path }
    Write-Host ("Record $acknowledged was on both disks before the snapshot was requested. " +
        "The snapshot of vda ends with record $($records[0]), that of vdb with record $($records[1]).")
    Write-Host 'Every record was checked, and e2fsck found both file systems clean without replaying a journal.'
    if ($records[0] - $records[1] -notin 0, 1 -or $records[1] -lt $acknowledged) {
        throw 'The two snapshots are not of one moment, or a record that was acknowledged is missing.'
    }

    . Show { Get-DiskSnapshot web1 }

    Write-Talk 'The snapshots are merged back while the guest runs.'
    $before = Get-Acknowledged
    . Show { $snapshots | Remove-DiskSnapshot -Confirm:$false }
    Wait-Records 10
    Write-Host "The guest had written $before records when the merge began, and has written $(Get-Acknowledged) now."
    . Show { Get-VmDisk web1 }
    . Show { Get-DiskSnapshot web1 }

    Write-Talk 'Only the two original images of the guest remain.'
    . Show { (Get-ChildItem "$folder/images/web1*").FullName }
    if (@(Get-ChildItem "$folder/images/web1*").Count -ne 2 -or (Get-DiskSnapshot web1)) {
        throw 'A snapshot or one of its files still exists.'
    }
}
finally {
    Invoke-Lab libvirtd.sh stop $folder
    Remove-Item $folder -Recurse -Force
}
