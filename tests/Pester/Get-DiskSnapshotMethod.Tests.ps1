BeforeAll {
    . "$PSScriptRoot/Lab.ps1"
    $node = New-TestNode 'web1:vda,vdb' 'web2:vda'
}

AfterAll { Exit-Lab }

Describe 'Get-DiskSnapshotMethod' {
    It 'writes <Expected>: <Do>' -ForEach @(
        @{ Expected = 'bare1/vda=qemu', 'off1/vda=qemu', 'off1/vdb=qemu'; Do = { Get-DiskSnapshotMethod bare1, off1 } }
        @{ Expected = 'off1/vdb=qemu'; Do = { Get-DiskSnapshotMethod off1 vdb } }
        @{ Expected = 'off1/vdb=qemu'; Do = { Get-DiskSnapshotMethod -Domain off1 -Target vdb -Uri $uri } }
        @{ Expected = 'off1/vda=qemu', 'off1/vdb=qemu'; Do = { Get-VmDomain off1 | Get-DiskSnapshotMethod } }
        @{ Expected = 'off1/vdb=qemu'; Do = { Get-VmDisk off1 vdb | Get-DiskSnapshotMethod } }
        @{ Expected = 'off1/vdb=qemu'; Do = { 'off1' | Get-DiskSnapshotMethod *b } }
        @{ Expected = 'off1/vdb=qemu'; Do = { Get-DiskSnapshotMethod off1 vdb | Get-DiskSnapshotMethod } }
        @{ Expected = 'off1/vdb=qemu'; Do = { [pscustomobject]@{ Domain = 'off1'; Disk = 'vdb'; Uri = $uri } | Get-DiskSnapshotMethod } }
        @{ Expected = 'off1/vdb=qemu'; Do = { "Domain,Disk`noff1,vdb" | ConvertFrom-Csv | Get-DiskSnapshotMethod } }
        @{ Expected = 'web1/vda=', 'web1/vdb='; Do = { Get-VmDomain web1 -Uri $node | Get-DiskSnapshotMethod } }
        @{ Expected = @(); Do = { Get-VmDomain z* | Get-DiskSnapshotMethod } }
    ) {
        $settings = & $Do
        $settings | ForEach-Object { "$($_.Domain)/$($_.Disk)=$($_.Method)" } | Sort-Object | Should -Be $Expected
        $settings | ForEach-Object { $_.GetType().FullName | Should -Be VirtSnapshot.Methods.DiskMethodSetting; $_.IsDefault | Should -BeTrue }
    }

    It 'tells why no method can snapshot a disk' {
        (Get-DiskSnapshotMethod web1 vda -Uri $node).Reason | Should -BeLike "*type 'test'*"
    }

    It '-All tells of every method what it could do for each disk' {
        $options = Get-VmDomain -Uri $node | Get-DiskSnapshotMethod -All
        $options | ForEach-Object { "$($_.Domain)/$($_.Disk)" } | Select-Object -Unique | Should -Be web1/vda, web1/vdb, web2/vda
        $qemu = ($options | Where-Object Method -EQ qemu)[0]
        "$($qemu.Level) $($qemu.IsChosen) $($qemu.CanServe)" | Should -Be 'Image False False'
        $qemu.Reason | Should -Be "It cannot snapshot this disk: overlays need QEMU, and this is a domain of type 'test'."
        Get-DiskSnapshotMethod off1 vda -All | Where-Object IsChosen | ForEach-Object Method | Should -Be qemu
        (Get-DiskSnapshotMethod off1 vda -All | Where-Object Method -EQ qemu-internal).CanServe | Should -BeTrue
    }

    It 'prints tables' {
        $shown = Get-DiskSnapshotMethod off1 vda | Out-String -Width 200
        $shown | Should -Match 'Domain +Disk +Method +IsDefault +Reason'
        $shown | Should -Match 'off1 +vda +qemu +True'
        $shown = Get-DiskSnapshotMethod off1 vda -All | Out-String -Width 200
        $shown | Should -Match 'Domain +Disk +Method +Level +IsChosen +CanServe +Reason'
        $shown | Should -Match 'off1 +vda +qemu +Image +True +True +Used by default'
    }

    It 'a missing disk beside others is one error about it, and the others are written' {
        ((Get-DiskSnapshotMethod web1 vda, vdz -Uri $node -ErrorAction SilentlyContinue -ErrorVariable failures) | ForEach-Object Disk) | Should -Be vda
        $failures | Should -HaveCount 1
        $failures.TargetObject | Should -Be vdz
    }

    It 'fails with <Id>: <Do>' -ForEach @(
        @{ Id = 'DomainNotFound'; Do = { Get-DiskSnapshotMethod missing } }
        @{ Id = 'DiskNotFound'; Do = { Get-DiskSnapshotMethod off1 vdz } }
        @{ Id = 'DomainGivenTwice'; Do = { Get-VmDomain off1 | Get-DiskSnapshotMethod bare1 vda } }
        @{ Id = 'DiskGivenTwice'; Do = { Get-VmDisk off1 vda | Get-DiskSnapshotMethod vdb } }
        @{ Id = 'LibvirtUnreachable'; Do = { Get-DiskSnapshotMethod -Uri 'qemu:///system?socket=/nowhere' } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-Date | Get-DiskSnapshotMethod } }
    ) {
        Get-ErrorId $Do | Should -Be $Id
    }
}
