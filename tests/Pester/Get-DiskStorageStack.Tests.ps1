BeforeAll {
    . "$PSScriptRoot/Lab.ps1"
    $node = New-TestNode 'web1:vda,vdb' 'web2:vda'
}

AfterAll { Exit-Lab }

Describe 'Get-DiskStorageStack' {
    It 'writes <Expected>: <Do>' -ForEach @(
        @{ Expected = 'web1/vda', 'web1/vdb', 'web2/vda'; Do = { Get-DiskStorageStack -Uri $node } }
        @{ Expected = 'web1/vdb'; Do = { Get-DiskStorageStack web1 vdb -Uri $node } }
        @{ Expected = 'web1/vdb'; Do = { Get-DiskStorageStack -Domain web1 -Target vdb -Uri $node } }
        @{ Expected = 'web1/vda', 'web2/vda'; Do = { Get-VmDomain -Uri $node | Get-DiskStorageStack vda } }
        @{ Expected = 'web1/vda', 'web1/vdb'; Do = { Get-VmDisk web1 -Uri $node | Get-DiskStorageStack } }
        @{ Expected = 'web1/vdb'; Do = { Get-DiskStorageStack web1 vdb -Uri $node | Get-DiskStorageStack } }
        @{ Expected = 'web2/vda'; Do = { @(Get-DiskSnapshotMethod web2 -All -Uri $node)[0] | Get-DiskStorageStack } }
        @{ Expected = 'web1/vdb'; Do = { [pscustomobject]@{ Domain = 'web1'; Disk = 'vdb'; Uri = $node } | Get-DiskStorageStack } }
        @{ Expected = 'web1/vdb'; Do = { "Domain,Disk,Uri`nweb1,vdb,$node" | ConvertFrom-Csv | Get-DiskStorageStack } }
        @{ Expected = @(); Do = { Get-VmDomain z* -Uri $node | Get-DiskStorageStack } }
    ) {
        $stacks = & $Do
        $stacks | ForEach-Object { "$($_.Domain)/$($_.Disk)" } | Should -Be $Expected
        $stacks | ForEach-Object { $_.GetType().FullName | Should -Be VirtSnapshot.Storage.StorageStack; $_.Uri | Should -Be $node }
    }

    It 'shows the layers of a real disk' {
        $stack = Get-DiskStorageStack off1 vda
        $stack.Layers[0].GetType().Name | Should -Be ImageLayer
        $stack.Layers.Count | Should -BeGreaterThan 1
        $stack.Layers[1].GetType().Name | Should -Be FileSystemLayer
    }

    It 'prints a tree for each disk' {
        $shown = Get-DiskStorageStack off1, bare1 vda | Out-String -Width 200
        $shown | Should -Match '(?m)^off1/vda\r?\n *qcow2 /.*off1-vda.*\n *└─ '
        $shown | Should -Match '(?m)^bare1/vda'
    }

    It 'a host that cannot be reached is one error, and the others are read' {
        $stacks = Get-DiskStorageStack web1 -Uri 'qemu:///system?socket=/nowhere', $node -ErrorAction SilentlyContinue -ErrorVariable failures
        $stacks | Should -HaveCount 2
        $failures.FullyQualifiedErrorId | Should -BeLike 'LibvirtUnreachable,*'
    }

    It 'a missing disk beside others is one error about it, and the others are written' {
        ((Get-DiskStorageStack web1 vda, vdz -Uri $node -ErrorAction SilentlyContinue -ErrorVariable failures) | ForEach-Object Disk) | Should -Be vda
        $failures | Should -HaveCount 1
        $failures.TargetObject | Should -Be vdz
    }

    It 'fails with <Id>: <Do>' -ForEach @(
        @{ Id = 'DomainNotFound'; Do = { Get-DiskStorageStack missing -Uri $node } }
        @{ Id = 'DiskNotFound'; Do = { Get-DiskStorageStack web1 vdz -Uri $node } }
        @{ Id = 'DiskGivenTwice'; Do = { Get-VmDisk web1 vda -Uri $node | Get-DiskStorageStack vdb } }
        @{ Id = 'DomainGivenTwice'; Do = { Get-VmDomain web2 -Uri $node | Get-DiskStorageStack web1 vda } }
        @{ Id = 'InvalidXml'; Do = { Get-DiskStorageStack web1 '<disk' -Uri $node } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-DiskStorageStack web1 $null -Uri $node } }
    ) {
        Get-ErrorId $Do | Should -Be $Id
    }
}
