BeforeAll {
    . "$PSScriptRoot/Lab.ps1"
    $node = New-TestNode 'web1:vda'

    function Get-Configured {
        Get-DiskSnapshotMethod bare1, off1 | Where-Object IsDefault -EQ $false | ForEach-Object { "$($_.Domain)/$($_.Disk)=$($_.Method)" }
    }
}

AfterAll { Exit-Lab }

Describe 'Set-DiskSnapshotMethod' {
    AfterEach { Reset-DiskSnapshotMethod bare1, off1 }

    It 'sets <Expected>: <Do>' -ForEach @(
        @{ Expected = 'off1/vdb=qemu'; Do = { Set-DiskSnapshotMethod off1 vdb -Method qemu } }
        @{ Expected = 'off1/vdb=qemu-internal'; Do = { Set-DiskSnapshotMethod -Domain off1 -Target vdb -Method qemu-internal -Uri $uri } }
        @{ Expected = 'off1/vdb=qemu'; Do = { Set-DiskSnapshotMethod off1 (Get-DiskPath off1 vdb) -Method qemu } }
        @{ Expected = 'off1/vdb=qemu'; Do = { Set-DiskSnapshotMethod off1 vdb -Method "<diskSnapshot method='qemu'/>" } }
        @{ Expected = 'off1/vdb=qemu'; Do = { Set-DiskSnapshotMethod off1 vdb -Method ([xml] "<diskSnapshot method='qemu'/>") } }
        @{ Expected = 'off1/vda=qemu', 'off1/vdb=qemu'; Do = { Set-DiskSnapshotMethod off1 * -Method qemu } }
        @{ Expected = 'bare1/vda=qemu', 'off1/vda=qemu'; Do = { Get-VmDomain bare1, off1 | Set-DiskSnapshotMethod vda -Method qemu } }
        @{ Expected = 'off1/vdb=qemu'; Do = { Get-VmDisk off1 vdb | Set-DiskSnapshotMethod -Method qemu } }
        @{ Expected = 'off1/vdb=qemu'; Do = { Get-DiskSnapshotMethod off1 vdb | Set-DiskSnapshotMethod -Method qemu } }
        @{ Expected = 'off1/vdb=qemu'; Do = { [pscustomobject]@{ Domain = 'off1'; Disk = 'vdb'; Uri = $uri } | Set-DiskSnapshotMethod -Method qemu } }
        @{ Expected = 'off1/vdb=qemu'; Do = { "Domain,Disk`noff1,vdb" | ConvertFrom-Csv | Set-DiskSnapshotMethod -Method qemu } }
        @{ Expected = @(); Do = { Get-VmDomain z* | Set-DiskSnapshotMethod vda -Method qemu } }
    ) {
        & $Do | Should -BeNullOrEmpty
        Get-Configured | Should -Be $Expected
    }

    It 'keeps the whole element with the domain, shows it in the XML of the disk, and uses it' {
        $element = '<diskSnapshot method="qemu-internal"><x:own xmlns:x="urn:x" a="1">text</x:own></diskSnapshot>'
        $setting = Set-DiskSnapshotMethod off1 vda -Method $element -PassThru
        "$($setting.Domain)/$($setting.Disk) $($setting.Method) $($setting.IsDefault)" | Should -Be 'off1/vda qemu-internal False'
        $setting.Xml | Should -BeLike '*text</x:own>*'
        $shown = ([xml] (Get-VmDisk off1 vda).Xml).disk.diskSnapshot
        $shown.method | Should -Be qemu-internal
        $shown.OuterXml | Should -BeLike '*text</x:own>*'
        Invoke-Virsh dumpxml off1 --inactive | Out-String | Should -BeLike '*text</*own>*'
        Get-WhatIf { New-DiskSnapshot off1 vda -WhatIf } | Should -BeLike '*off1/vda: qemu-internal at level image (configured for this disk)*'
    }

    It 'takes the method of a setting' {
        Set-DiskSnapshotMethod off1 vda -Method "<diskSnapshot method='qemu-internal'/>"
        Set-DiskSnapshotMethod off1 vdb -Method (Get-DiskSnapshotMethod off1 vda)
        Get-Configured | Should -Be off1/vda=qemu-internal, off1/vdb=qemu-internal
    }

    It 'with -WhatIf changes nothing' {
        Get-WhatIf { Set-DiskSnapshotMethod off1 vda -Method qemu -WhatIf } | Should -BeLike '*Set-DiskSnapshotMethod*qemu*off1/vda*'
        Get-Configured | Should -BeNullOrEmpty
    }

    It 'what fails for one domain is done for the next' {
        'missing', 'off1' | Set-DiskSnapshotMethod -Disk vda -Method qemu -ErrorAction SilentlyContinue -ErrorVariable failures
        $failures.FullyQualifiedErrorId | Should -BeLike 'DomainNotFound,*'
        Get-Configured | Should -Be off1/vda=qemu
    }

    It 'fails with <Id>: <Do>' -ForEach @(
        @{ Id = 'DomainNeeded'; Do = { Set-DiskSnapshotMethod -Method qemu } }
        @{ Id = 'DomainNotFound'; Do = { Set-DiskSnapshotMethod missing vda -Method qemu } }
        @{ Id = 'DiskNeeded'; Do = { Set-DiskSnapshotMethod off1 -Method qemu } }
        @{ Id = 'DiskNotFound'; Do = { Set-DiskSnapshotMethod off1 vdz -Method qemu } }
        @{ Id = 'DomainGivenTwice'; Do = { Get-VmDisk off1 vda | Set-DiskSnapshotMethod bare1 vda -Method qemu } }
        @{ Id = 'DiskGivenTwice'; Do = { Get-VmDisk off1 vda | Set-DiskSnapshotMethod -Disk vdb -Method qemu } }
        @{ Id = 'InvalidMethod'; Do = { Set-DiskSnapshotMethod off1 vda -Method 'No Name' } }
        @{ Id = 'InvalidXml'; Do = { Set-DiskSnapshotMethod off1 vda -Method '<diskSnapshot' } }
        @{ Id = 'MethodUnknown'; Do = { Set-DiskSnapshotMethod off1 vda -Method sorcery } }
        @{ Id = 'MethodUnsuitable'; Do = { Set-DiskSnapshotMethod web1 vda -Method qemu -Uri $node } }
        @{ Id = 'ParameterArgumentValidationError'; Do = { Set-DiskSnapshotMethod off1 vda -Method '' } }
        @{ Id = 'ParameterArgumentTransformationError'; Do = { Set-DiskSnapshotMethod off1 vda -Method (Get-Date) } }
    ) {
        Get-ErrorId $Do | Should -Be $Id
        Get-Configured | Should -BeNullOrEmpty
    }

    It 'completes -Method' {
        Get-Completion 'Set-DiskSnapshotMethod -M' | Should -Contain '-Method'
    }
}
