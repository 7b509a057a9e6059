BeforeAll {
    . "$PSScriptRoot/Lab.ps1"
    $WarningPreference = 'SilentlyContinue'
}

AfterAll { Exit-Lab }

Describe 'Remove-DiskSnapshot' {
    AfterEach { Clear-Snapshot }

    It 'removes off1/vda@s1 and nothing else: <Way>' -ForEach @(
        @{ Way = 'by position'; Remove = { Remove-DiskSnapshot off1 vda -Name s1 -Confirm:$false } }
        @{ Way = 'by named parameters'; Remove = { Remove-DiskSnapshot -Domain off1 -Target vda -Name s1 -Uri $uri -Confirm:$false } }
        @{ Way = 'by a wildcard'; Remove = { Remove-DiskSnapshot off* *a -Name *1 -Confirm:$false } }
        @{ Way = 'by id'; Remove = { Remove-DiskSnapshot off1 -Id $snapshot.Id -Confirm:$false } }
        @{ Way = 'as an object'; Remove = { $snapshot | Remove-DiskSnapshot -Confirm:$false } }
        @{ Way = 'of a piped domain'; Remove = { Get-VmDomain off1 | Remove-DiskSnapshot vda -Name s1 -Confirm:$false } }
        @{ Way = 'of a piped disk'; Remove = { Get-VmDisk off1 vda | Remove-DiskSnapshot -Name s1 -Confirm:$false } }
        @{ Way = 'by properties'; Remove = { $snapshot | Select-Object Domain, Disk, Name, Uri | Remove-DiskSnapshot -Confirm:$false } }
        @{ Way = 'by a deserialized object'; Remove = { Get-Deserialized $snapshot | Remove-DiskSnapshot -Confirm:$false } }
        @{ Way = 'by a row of CSV'; Remove = { "Domain,Disk,Name`noff1,vda,s1" | ConvertFrom-Csv | Remove-DiskSnapshot -Confirm:$false } }
        @{ Way = 'by script blocks'
            Remove = {
                "Host,Volume,Label`noff1,vda,s1" | ConvertFrom-Csv |
                    Remove-DiskSnapshot -Domain { $_.Host } -Disk { $_.Volume } -Name { $_.Label } -Confirm:$false
            } }
        @{ Way = 'where $ConfirmPreference asks for nothing'; Remove = { $ConfirmPreference = 'None'; $snapshot | Remove-DiskSnapshot } }
    ) {
        $null = New-DiskSnapshot off1 -Name s1
        $null = New-DiskSnapshot off1 -Name s2 -Disk vda
        $snapshot = Get-DiskSnapshot off1 vda -Name s1
        & $Remove | Should -BeNullOrEmpty
        Get-DiskSnapshot off1 | ForEach-Object ToString | Sort-Object | Should -Be off1/vda@s2, off1/vdb@s1
    }

    It 'removes all snapshots of a running domain at once, puts the disk back and deletes the overlays: <Way>' -ForEach @(
        @{ Way = 'as objects'; Remove = { Get-DiskSnapshot bare1 | Remove-DiskSnapshot -Confirm:$false } }
        @{ Way = 'throttled'; Remove = { Remove-DiskSnapshot bare1 -Name s? -Bandwidth 50MB -Timeout 60 -Confirm:$false } }
    ) {
        $before = Get-DiskPath bare1
        $overlays = 's1', 's2', 's3' | ForEach-Object { (New-DiskSnapshot bare1 -Name $_ -NoQuiesce).ModifiedDisk.Source.Path }
        & $Remove | Should -BeNullOrEmpty
        Get-DiskSnapshot bare1 | Should -BeNullOrEmpty
        Get-DiskPath bare1 | Should -Be $before
        Test-Path $overlays | Should -Not -Contain $true
    }

    It 'with -WhatIf names what would be removed and removes nothing' {
        $null = New-DiskSnapshot off1 -Name kept
        $before = (Get-VmDomain off1).Xml
        Get-WhatIf { Get-DiskSnapshot off1 | Remove-DiskSnapshot -WhatIf } | Should -Be @(
            'Performing the operation "Remove-DiskSnapshot" on target "off1/vda@kept".',
            'Performing the operation "Remove-DiskSnapshot" on target "off1/vdb@kept".')
        (Get-VmDomain off1).Xml | Should -Be $before
    }

    It 'asks for confirmation unless it is told not to, and cannot ask without a user' {
        $null = New-DiskSnapshot off1 vda -Name asked
        $shell = Start-Shell 'Remove-DiskSnapshot off1 -Name asked'
        $shell.WaitForExit()
        $shell.ExitCode | Should -Be 1
        (Get-DiskSnapshot off1).State | Should -Be Available
    }

    It 'what cannot be removed is one error, and the others are removed' {
        $gone = New-DiskSnapshot off1 vda -Name gone
        $gone | Remove-DiskSnapshot -Confirm:$false
        $there = New-DiskSnapshot bare1 -Name there -NoQuiesce
        $gone, $there | Remove-DiskSnapshot -Confirm:$false -ErrorAction SilentlyContinue -ErrorVariable failures
        $failures.FullyQualifiedErrorId | Should -BeLike 'SnapshotNotFound,*'
        $failures.CategoryInfo.Category | Should -Be ObjectNotFound
        Get-DiskSnapshot bare1 | Should -BeNullOrEmpty
        { $gone | Remove-DiskSnapshot -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'SnapshotNotFound,*'
    }

    It 'does nothing where the pipeline is empty' {
        Get-DiskSnapshot off1 | Remove-DiskSnapshot -Confirm:$false | Should -BeNullOrEmpty
    }

    It 'completes <Line>' -ForEach @(
        @{ Line = 'Remove-DiskSnapshot -B'; Expected = '-Bandwidth' }
        @{ Line = 'Remove-DiskSnapshot -Ti'; Expected = '-Timeout' }
    ) {
        Get-Completion $Line | Should -Contain $Expected
    }

    It 'fails with <Id>: <Do>' -ForEach @(
        @{ Id = 'DomainNeeded'; Do = { Remove-DiskSnapshot -Name x } }
        @{ Id = 'DomainNotFound'; Do = { Remove-DiskSnapshot missing -Name x } }
        @{ Id = 'DiskNotFound'; Do = { Remove-DiskSnapshot off1 vdz -Name x } }
        @{ Id = 'SnapshotNeeded'; Do = { Remove-DiskSnapshot off1 } }
        @{ Id = 'SnapshotNeeded'; Do = { Get-VmDomain off1 | Remove-DiskSnapshot } }
        @{ Id = 'SnapshotNotFound'; Do = { Remove-DiskSnapshot off1 -Name x } }
        @{ Id = 'DomainGivenTwice'; Do = { Get-VmDomain off1 | Remove-DiskSnapshot bare1 vda -Name x } }
        @{ Id = 'InvalidWildcard'; Do = { Remove-DiskSnapshot off1 -Name 'x[z-a]' } }
        @{ Id = 'InvalidWildcard'; Do = { Remove-DiskSnapshot off1 -Name 'ta[' } }
        @{ Id = 'InputNotUnderstood'; Do = { Remove-DiskSnapshot off1 -Name $null -WhatIf } }
        @{ Id = 'InputNotUnderstood'; Do = { Remove-DiskSnapshot off1 -Id @() -WhatIf } }
        @{ Id = 'ParameterArgumentValidationError'; Do = { Remove-DiskSnapshot off1 -Name x -Bandwidth (-1) } }
        @{ Id = 'ParameterArgumentTransformationError'; Do = { Remove-DiskSnapshot off1 -Name x -Timeout never } }
    ) {
        Get-ErrorId $Do | Should -Be $Id
    }

    It 'fails with <Id> where <Where>' -ForEach @(
        @{ Id = 'SourceInUse'; Where = 'a process reads the base'
            Before = { $reader = Start-Process tail '-f', $snapshot.BackupSource.Path -PassThru -RedirectStandardOutput /dev/null
                Wait-Until { (Get-Item "/proc/$($reader.Id)/fd/*").Target -contains $snapshot.BackupSource.Path } }
            After = { $reader.Kill($true); $reader.WaitForExit() } }
        @{ Id = 'SourceShared'; Where = 'another domain uses the base'
            Before = {
                Set-Content "$lab/sharer.xml" ((Get-Content "$lab/bare1.xml" -Raw) -replace '<name>bare1', '<name>bare2')
                $null = Invoke-Virsh define "$lab/sharer.xml"
            }
            After = { $null = Invoke-Virsh undefine bare2 } }
        @{ Id = 'BlockJobRunning'; Where = 'a block job runs'
            Before = { $null = Invoke-Virsh blockcopy bare1 vda "$lab/images/bare1-copy" --transient-job --format qcow2 }
            After = { Invoke-Virsh blockjob bare1 vda --abort; Remove-Item "$lab/images/bare1-copy" -Force } }
        @{ Id = 'DomainLocked'; Where = 'another process works on the domain'
            Before = { $lock = "/run/virtsnapshot/domain-$((Get-VmDomain bare1).Uuid).lock"
                $holder = Start-Process flock $lock, sleep, 120 -PassThru
                Wait-Until { flock --nonblock $lock true; $LASTEXITCODE -eq 1 } }
            After = { $holder.Kill($true); $holder.WaitForExit() } }
    ) {
        $snapshot = New-DiskSnapshot bare1 -NoQuiesce
        . $Before
        try { Get-ErrorId { $snapshot | Remove-DiskSnapshot -Confirm:$false } | Should -Be $Id }
        finally { . $After }
        (Get-DiskSnapshot bare1).State | Should -Be Available
    }

    It 'fails with <Id> on a shut-off domain where <Where>' -ForEach @(
        @{ Id = 'SnapshotNotRecorded'; Where = 'the record is lost'
            Before = { Invoke-Virsh metadata state1 "urn:virtsnapshot:1:set:$($snapshot.Group)" --remove --config } }
        @{ Id = 'SnapshotDetached'; Where = 'the domain was defined from an old XML'
            Before = { Write-Image $snapshot.ModifiedDisk 1; $null = Invoke-Virsh define $definition } }
        @{ Id = 'OverlayHasSnapshots'; Where = 'the overlay has snapshots of its own'
            Before = { qemu-img snapshot -c inner $snapshot.ModifiedDisk.Source.Path } }
        @{ Id = 'SnapshotNotOurs'; Where = 'another tool made the overlay'
            Before = { $snapshot | Remove-DiskSnapshot -Confirm:$false; $null = Invoke-Virsh snapshot-create-as state1 other --disk-only --no-metadata } }
    ) {
        New-BareDomain state1
        try {
            $definition = "$lab/state1-before.xml"
            Invoke-Virsh dumpxml state1 --inactive > $definition
            $snapshot = New-DiskSnapshot state1 -Name s1
            . $Before
            Get-ErrorId { Get-DiskSnapshot state1 | Remove-DiskSnapshot -Confirm:$false } | Should -Be $Id
        }
        finally {
            Remove-BareDomain state1
        }
    }

    Context 'of an overlay with data' {
        BeforeEach {
            $base = Get-DiskPath bare1
            $null = New-DiskSnapshot bare1 -Name slow -NoQuiesce
            Write-Disk bare1 7 4M
        }

        It 'gives up after -Timeout, and says so of the snapshots whose turn did not come; it can be done again' {
            $null = New-DiskSnapshot bare1 -Name next -NoQuiesce
            Write-Disk bare1 8 4M
            Get-ErrorId { Remove-DiskSnapshot bare1 -Name slow, next -Bandwidth 256KB -Timeout 1 -Confirm:$false } | Sort-Object |
                Should -Be OlderSnapshotRemains, RemovalTimedOut
            Remove-DiskSnapshot bare1 -Name * -Confirm:$false
            Get-DiskPath bare1 | Should -Be $base
        }

        It 'stopped in the middle leaves a domain that works and a removal that can be done again' {
            $shell = [powershell]::Create()
            $null = $shell.AddScript("Import-Module '$module'; Remove-DiskSnapshot bare1 -Name slow -Bandwidth 256KB -Confirm:`$false")
            $null = $shell.BeginInvoke()
            Wait-Until { (Get-DiskSnapshot bare1).State -eq 'Removing' }
            $shell.Stop()
            $shell.Dispose()
            (Get-DiskSnapshot bare1).State | Should -Be Removing
            Get-DiskPath bare1 | Should -BeLike '*.slow.qcow2'
            Get-ErrorId { New-DiskSnapshot bare1 -NoQuiesce } | Should -Be UnfinishedRun
            Get-DiskSnapshot bare1 | Remove-DiskSnapshot -Confirm:$false
            Get-DiskPath bare1 | Should -Be $base
            Repair-DiskSnapshot bare1 | Should -BeNullOrEmpty
        }
    }
}
