BeforeAll {
    . "$PSScriptRoot/Lab.ps1"
    $WarningPreference = 'SilentlyContinue'

    # Whether the disk holds what was written to it last before the snapshot of that number.
    function Test-Pattern([string] $Disk, [int] $Pattern) {
        $PSNativeCommandUseErrorActionPreference = $true
        qemu-io -r -f qcow2 -c "read -P $Pattern 0 64k" (Get-DiskPath restored1 $Disk) | Out-String | Should -Not -Match 'verification failed'
    }
}

AfterAll { Exit-Lab }

Describe 'Restore-DiskSnapshot' {
    BeforeEach {
        New-BareDomain restored1 vda, vdb
        $definition = "$lab/restored1-before.xml"
        Invoke-Virsh dumpxml restored1 --inactive > $definition
        foreach ($number in 1, 2) {
            Get-VmDisk restored1 | ForEach-Object { Write-Image $_ $number }
            $null = New-DiskSnapshot restored1 -Name "s$number"
        }

        Get-VmDisk restored1 | ForEach-Object { Write-Image $_ 3 }
        $snapshot = Get-DiskSnapshot restored1 vda -Name s1
    }

    AfterEach { Remove-BareDomain restored1 }

    It 'brings all disks of the set back: <Way>' -ForEach @(
        @{ Way = 'by name'; Restore = { Restore-DiskSnapshot restored1 -Name s1 -Confirm:$false } }
        @{ Way = 'by a wildcard'; Restore = { Restore-DiskSnapshot -Domain restored* -Name *1 -Uri $uri -Confirm:$false } }
        @{ Way = 'by ids'; Restore = { Restore-DiskSnapshot restored1 -Id "$($snapshot.Group)/*" -Confirm:$false } }
        @{ Way = 'as objects'; Restore = { Get-DiskSnapshot restored1 -Name s1 | Restore-DiskSnapshot -Confirm:$false } }
        @{ Way = 'of a piped domain'; Restore = { Get-VmDomain restored1 | Restore-DiskSnapshot -Name s1 -Confirm:$false } }
        @{ Way = 'of piped disks'; Restore = { Get-VmDisk restored1 | Restore-DiskSnapshot -Name s1 -Confirm:$false } }
        @{ Way = 'by properties'
            Restore = { Get-DiskSnapshot restored1 -Name s1 | Select-Object Domain, Disk, Name, Uri | Restore-DiskSnapshot -Confirm:$false } }
        @{ Way = 'by rows of CSV'
            Restore = { "Domain,Disk,Name`nrestored1,vda,s1`nrestored1,vdb,s1" | ConvertFrom-Csv | Restore-DiskSnapshot -Confirm:$false } }
        @{ Way = 'by deserialized objects'
            Restore = { Get-Deserialized (Get-DiskSnapshot restored1 -Name s1) | Restore-DiskSnapshot -Confirm:$false } }
    ) {
        & $Restore | Should -BeNullOrEmpty
        Get-DiskSnapshot restored1 | ForEach-Object ToString | Should -Be restored1/vda@s1, restored1/vdb@s1
        'vda', 'vdb' | ForEach-Object { Test-Pattern $_ 1 }
    }

    It 'takes -IncludeFirmware for a domain that has none, and shows the definition of that time' {
        Restore-DiskSnapshot restored1 -Name s1 -IncludeFirmware -Confirm:$false | Should -BeNullOrEmpty
        $snapshot = Get-DiskSnapshot restored1 vda -Name s1
        ([xml] $snapshot.DomainXml).domain.name | Should -Be restored1
        $snapshot.NvramSource | Should -BeNullOrEmpty
    }

    It 'writes the snapshots as they are now with -PassThru' {
        $restored = Restore-DiskSnapshot restored1 -Name s1 -Confirm:$false -PassThru
        $restored | ForEach-Object ToString | Should -Be restored1/vda@s1, restored1/vdb@s1
        $restored.ModifiedDisk.Source.Path | Should -Be (Get-DiskPath restored1 vda), (Get-DiskPath restored1 vdb)
    }

    It 'with -WhatIf names what would be lost and touches nothing' {
        $before = (Get-VmDomain restored1).Xml
        $plan = Get-WhatIf { Restore-DiskSnapshot restored1 -Name s1 -WhatIf }
        $plan | Should -HaveCount 1
        $plan | Should -Match "snapshot 's1'"
        $plan | Should -Match "restored1/vda .*LOST: its newer snapshots? 's2'"
        $plan | Should -Match 'restored1/vdb'
        (Get-VmDomain restored1).Xml | Should -Be $before
    }

    It 'restores one disk with a warning' {
        Restore-DiskSnapshot restored1 vdb -Name s2 -Confirm:$false -WarningVariable warnings
        $warnings | Should -BeLike '*only vdb is restored*'
        Test-Pattern vda 3
        Test-Pattern vdb 2
    }

    It 'restores a snapshot inside the image' {
        $null = New-DiskSnapshot restored1 vdb -Method qemu-internal -Name inner
        Write-Image (Get-VmDisk restored1 vdb) 4
        Restore-DiskSnapshot restored1 -Name inner -Confirm:$false
        Test-Pattern vdb 3
    }

    It 'fails with <Id>: <Do>' -ForEach @(
        @{ Id = 'DomainNeeded'; Do = { Restore-DiskSnapshot -Name s1 } }
        @{ Id = 'DomainNotFound'; Do = { Restore-DiskSnapshot missing -Name s1 } }
        @{ Id = 'DomainGivenTwice'; Do = { Get-VmDomain restored1 | Restore-DiskSnapshot bare1 vda -Name s1 } }
        @{ Id = 'DiskNotFound'; Do = { Restore-DiskSnapshot restored1 vdz -Name s1 -Confirm:$false } }
        @{ Id = 'SnapshotNeeded'; Do = { Restore-DiskSnapshot restored1 } }
        @{ Id = 'SnapshotNotFound'; Do = { Restore-DiskSnapshot restored1 -Name s3 -Confirm:$false } }
        @{ Id = 'SeveralSets'; Do = { Get-DiskSnapshot restored1 | Restore-DiskSnapshot -Confirm:$false } }
        @{ Id = 'InputNotUnderstood'; Do = { Restore-DiskSnapshot restored1 -Name $null -WhatIf } }
        @{ Id = 'DomainRunning'; Do = { Invoke-Virsh start restored1; Restore-DiskSnapshot restored1 -Name s1 -Confirm:$false } }
        @{ Id = 'SnapshotNotFound'; Do = { $snapshot | Remove-DiskSnapshot -Confirm:$false; $snapshot | Restore-DiskSnapshot -Confirm:$false } }
        @{ Id = 'SnapshotInvalid'; Do = { Remove-Item "$lab/images/restored1-vda.qcow2" -Force; Restore-DiskSnapshot restored1 -Name s1 -Confirm:$false } }
        @{ Id = 'JournalDamaged'
            Do = {
                Invoke-Virsh metadata restored1 urn:virtsnapshot:1:journal --key journal --set '<journal/>' --config
                Restore-DiskSnapshot restored1 -Name s1 -Confirm:$false
            } }
        @{ Id = 'SnapshotNotOurs'
            Do = { Remove-DiskSnapshot restored1 -Name * -Confirm:$false; $null = Invoke-Virsh snapshot-create-as restored1 other --disk-only --no-metadata
                Get-DiskSnapshot restored1 vda | Restore-DiskSnapshot -Confirm:$false } }
    ) {
        Get-ErrorId $Do | Should -Be $Id
    }

    It 'completes -PassThru' {
        Get-Completion 'Restore-DiskSnapshot -P' | Should -Contain '-PassThru'
    }
}
