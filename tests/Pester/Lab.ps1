<#
    What the Pester tests share; each file runs this with the dot operator in its BeforeAll, and Exit-Lab in its AfterAll. It imports the module, and starts a
    private libvirtd with the domains below, unless Invoke-Tests.ps1 did that for all files already. Root, and the packages of tests/Lab/install.sh.

        web1, web2   running guests with an agent; disks vda and vdb of 64 MiB (qcow2, mounted at /mnt/vda and /mnt/vdb)
        bare1        running, no operating system in it; disk vda (qcow2)
        off1         shut off; disks vda and vdb (qcow2)

    Tests leave these domains as they found them.
#>
# An error that a test does not expect fails it.
$ErrorActionPreference = 'Stop'
$root = (Resolve-Path "$PSScriptRoot/../..").Path
$module = $env:VIRTSNAPSHOT_TEST_MODULE ? $env:VIRTSNAPSHOT_TEST_MODULE : "$root/out/VirtSnapshot"

function Invoke-Virsh {
    $PSNativeCommandUseErrorActionPreference = $true
    virsh -q -c $uri @args
}

# A domain of real QEMU without an operating system: it starts in half a second. Its images are small and empty.
function New-BareDomain([string] $Name, [string[]] $Target = 'vda', [switch] $Start, [string] $OtherDevices = '') {
    # What a run left that was broken off.
    Remove-BareDomain $Name
    $PSNativeCommandUseErrorActionPreference = $true
    $disks = foreach ($disk in $Target) {
        $image = "$lab/images/$Name-$disk.qcow2"
        qemu-img create -q -f qcow2 $image 8M
        "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$image'/><target dev='$disk' bus='virtio'/></disk>"
    }

    Set-Content "$lab/$Name.xml" @"
<domain type='qemu'><name>$Name</name><memory unit='MiB'>32</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='q35'>hvm</type></os><cpu mode='maximum'/>
<devices><controller type='usb' model='none'/><memballoon model='none'/>$disks$OtherDevices</devices></domain>
"@
    $null = Invoke-Virsh define "$lab/$Name.xml"
    if ($Start) { $null = Invoke-Virsh start $Name }
}

# Also of a domain that is not there any more, and without regard to its snapshots.
function Remove-BareDomain([string] $Name) {
    $PSNativeCommandUseErrorActionPreference = $false
    virsh -q -c $uri destroy $Name *> $null
    virsh -q -c $uri undefine $Name --managed-save --snapshots-metadata --checkpoints-metadata *> $null
    Remove-Item "$lab/images/$Name-*" -Force
}

# Writes as the guest would: through the disk's device in QEMU, into whatever image it has at the moment.
function Write-Disk([string] $Domain, [int] $Pattern, [string] $Length = '64k') {
    foreach ($command in "write -P $Pattern 0 $Length", 'flush') {
        $null = Invoke-Virsh qemu-monitor-command --hmp $Domain "qemu-io -d /machine/peripheral/virtio-disk0/virtio-backend `"$command`""
    }
}

# Writes into the image of a disk of a shut-off domain.
function Write-Image($Disk, [int] $Pattern) {
    $PSNativeCommandUseErrorActionPreference = $true
    $null = qemu-io -f qcow2 -c "write -P $Pattern 0 64k" $Disk.Source.Path
}

# Domains of libvirt's mock driver, as 'NAME:TARGET,TARGET' or 'NAME:TARGET:UUID'; the result is their URI. Commands that need no real disk are tested on them.
function New-TestNode {
    $domains = foreach ($text in $args) {
        $name, $targets, $uuid = $text.Split(':')
        $disks = foreach ($target in $targets.Split(',', [StringSplitOptions]::RemoveEmptyEntries)) {
            "<disk type='file'><driver name='qemu' type='qcow2'/><source file='/images/$name-$target.qcow2'/><target dev='$target' bus='virtio'/></disk>"
        }

        $identity = "<name>$name</name>$(if ($uuid) { "<uuid>$uuid</uuid>" })"
        "<domain type='test'>$identity<memory>8192</memory><os><type>hvm</type></os><devices>$disks</devices></domain>"
    }

    $file = "$lab/node-$(New-Guid).xml"
    Set-Content $file "<node>$domains</node>"
    "test://$file"
}

function Get-DiskPath([string] $Domain, [string] $Disk = 'vda') { (Get-VmDisk $Domain $Disk -Uri $uri).Source.Path }

# The error records that a script block writes or ends with. What it returns is an error of the test.
function Get-Failure([scriptblock] $Script) {
    $ErrorActionPreference = 'Continue'
    try {
        & $Script 2>&1 | ForEach-Object {
            if ($_ -isnot [Management.Automation.ErrorRecord]) { throw "This was written, where only errors are expected: $_" }
            $_
        }
    }
    catch {
        $_
    }
}

# Their ids, without the name of the command that PowerShell adds.
function Get-ErrorId([scriptblock] $Script) { Get-Failure $Script | ForEach-Object { $_.FullyQualifiedErrorId.Split(',')[0] } }

# What -WhatIf tells the user, one text for each question.
function Get-WhatIf([scriptblock] $Script) {
    $transcript = "$lab/transcript-$(New-Guid).txt"
    $null = Start-Transcript $transcript -UseMinimalHeader
    try { $null = & $Script }
    finally { $null = Stop-Transcript }
    (Get-Content $transcript -Raw) -split '(?m)^What if: ' | Select-Object -Skip 1 | ForEach-Object { ($_ -split '(?m)^\*{10}')[0].Trim() }
}

# An object as another process gets it.
function Get-Deserialized($Thing) {
    [Management.Automation.PSSerializer]::Deserialize([Management.Automation.PSSerializer]::Serialize($Thing))
}

# Texts that the user may choose from where the cursor is at the end of a line.
function Get-Completion([string] $Line) { (TabExpansion2 $Line $Line.Length).CompletionMatches.CompletionText }

# Starts another PowerShell of this same version, as a process of its own.
function Start-Shell([string] $Command) {
    $shell = [Environment]::ProcessPath
    $encoded = [Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes("Import-Module '$module'; $Command"))
    $arguments = @('-NoProfile', '-NonInteractive', '-EncodedCommand', $encoded)
    if ([IO.Path]::GetFileName($shell) -eq 'dotnet') { $arguments = @("$PSHOME/pwsh.dll") + $arguments }
    Start-Process $shell $arguments -PassThru
}

function Wait-Until([scriptblock] $Condition, [int] $Seconds = 60) {
    $deadline = (Get-Date).AddSeconds($Seconds)
    while (-not (& $Condition)) {
        if ((Get-Date) -gt $deadline) { throw "After $Seconds seconds this is not so: $Condition" }
        Start-Sleep -Milliseconds 50
    }
}

function Clear-Snapshot { Get-DiskSnapshot -Uri $uri | Remove-DiskSnapshot -Confirm:$false }

function Enter-Lab {
    $PSNativeCommandUseErrorActionPreference = $true
    $null = & "$root/tests/Lab/libvirtd.sh" start $lab $PID
    $env:VIRTSNAPSHOT_PESTER_LAB = $lab
    'web1', 'web2' | ForEach-Object -Parallel {
        $output = & "$using:root/tests/Lab/domain.sh" $using:uri $_ $using:lab --disks 2 --records off 2>&1
        if ($LASTEXITCODE) { throw "The guest '$_' did not start: $output" }
    }

    New-BareDomain bare1 -Start
    New-BareDomain off1 vda, vdb
}

# Only who started the lab stops it.
function Exit-Lab {
    $env:LIBVIRT_DEFAULT_URI = $outerUri
    if ($ownsLab) {
        Remove-Item Env:VIRTSNAPSHOT_PESTER_LAB -ErrorAction Ignore
        & "$root/tests/Lab/libvirtd.sh" stop $lab
        Remove-Item $lab -Recurse -Force -ErrorAction Ignore
    }
}

$ownsLab = -not $env:VIRTSNAPSHOT_PESTER_LAB
$lab = $ownsLab ? [IO.Directory]::CreateTempSubdirectory('vs-pester-').FullName : $env:VIRTSNAPSHOT_PESTER_LAB
$uri = "qemu:///system?socket=$lab/run/libvirt-sock"
$outerUri = $env:LIBVIRT_DEFAULT_URI
$env:LIBVIRT_DEFAULT_URI = $uri
Import-Module $module
if ($ownsLab) {
    try { Enter-Lab } catch { Exit-Lab; throw }
}
