BeforeAll {
    . "$PSScriptRoot/Lab.ps1"

    function Get-Configured { Get-DiskSnapshotMethod bare1, off1 | Where-Object IsDefault -EQ $false | ForEach-Object { "$($_.Domain)/$($_.Disk)" } }
}

AfterAll { Exit-Lab }

Describe 'Reset-DiskSnapshotMethod' {
    BeforeEach { Set-DiskSnapshotMethod bare1, off1 * -Method qemu }
    AfterEach { Reset-DiskSnapshotMethod bare1, off1 }

    It 'leaves <Left>: <Do>' -ForEach @(
        @{ Left = @(); Do = { Reset-DiskSnapshotMethod bare1, off1 } }
        @{ Left = 'bare1/vda'; Do = { Reset-DiskSnapshotMethod off1 } }
        @{ Left = 'bare1/vda', 'off1/vda'; Do = { Reset-DiskSnapshotMethod -Domain off1 -Target vdb -Uri $uri } }
        @{ Left = 'bare1/vda', 'off1/vda'; Do = { Reset-DiskSnapshotMethod off1 *b } }
        @{ Left = 'off1/vdb'; Do = { Get-VmDomain bare1, off1 | Reset-DiskSnapshotMethod vda } }
        @{ Left = 'bare1/vda', 'off1/vda'; Do = { Get-VmDisk off1 vdb | Reset-DiskSnapshotMethod } }
        @{ Left = 'bare1/vda', 'off1/vda'; Do = { Get-DiskSnapshotMethod off1 vdb | Reset-DiskSnapshotMethod } }
        @{ Left = 'bare1/vda', 'off1/vda'; Do = { [pscustomobject]@{ Domain = 'off1'; Disk = 'vdb'; Uri = $uri } | Reset-DiskSnapshotMethod } }
        @{ Left = 'bare1/vda', 'off1/vda'; Do = { "Domain,Disk`noff1,vdb" | ConvertFrom-Csv | Reset-DiskSnapshotMethod } }
        @{ Left = 'bare1/vda', 'off1/vda', 'off1/vdb'; Do = { Get-VmDomain z* | Reset-DiskSnapshotMethod } }
    ) {
        & $Do | Should -BeNullOrEmpty
        Get-Configured | Should -Be $Left
    }

    It 'writes the settings that result with -PassThru, also where nothing was set' {
        Reset-DiskSnapshotMethod off1 -PassThru | ForEach-Object { "$($_.Domain)/$($_.Disk) $($_.Method) $($_.IsDefault)" } |
            Should -Be 'off1/vda qemu True', 'off1/vdb qemu True'
        (Reset-DiskSnapshotMethod off1 vda -PassThru).IsDefault | Should -BeTrue
    }

    It 'with -WhatIf changes nothing' {
        Get-WhatIf { Reset-DiskSnapshotMethod off1 -WhatIf } | Should -Be @(
            'Performing the operation "Reset-DiskSnapshotMethod" on target "off1/vda".',
            'Performing the operation "Reset-DiskSnapshotMethod" on target "off1/vdb".')
        Get-Configured | Should -Be bare1/vda, off1/vda, off1/vdb
    }

    It 'fails with <Id>: <Do>' -ForEach @(
        @{ Id = 'DomainNeeded'; Do = { Reset-DiskSnapshotMethod } }
        @{ Id = 'DomainNotFound'; Do = { Reset-DiskSnapshotMethod missing } }
        @{ Id = 'DiskNotFound'; Do = { Reset-DiskSnapshotMethod off1 vdz } }
        @{ Id = 'DiskGivenTwice'; Do = { Get-VmDisk off1 vda | Reset-DiskSnapshotMethod -Disk vdb } }
        @{ Id = 'InputNotUnderstood'; Do = { Reset-DiskSnapshotMethod off1 $null } }
        @{ Id = 'InputNotUnderstood'; Do = { [pscustomobject]@{ Uri = $uri } | Reset-DiskSnapshotMethod } }
    ) {
        Get-ErrorId $Do | Should -Be $Id
        Get-Configured | Should -Be bare1/vda, off1/vda, off1/vdb
    }
}
