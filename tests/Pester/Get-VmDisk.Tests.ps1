BeforeAll {
    . "$PSScriptRoot/Lab.ps1"
    $node = New-TestNode 'web1:vda,vdb' 'web2:vda,vdb' 'db:vda'
}

AfterAll { Exit-Lab }

Describe 'Get-VmDisk' {
    It 'writes <Expected>: <Do>' -ForEach @(
        @{ Expected = 'web1/vda', 'web1/vdb'; Do = { Get-VmDisk web1 -Uri $node } }
        @{ Expected = 'web1/vdb'; Do = { Get-VmDisk web1 vdb -Uri $node } }
        @{ Expected = 'web1/vdb'; Do = { Get-VmDisk -Domain web1 -Target vdb -Uri $node } }
        @{ Expected = 'web1/vdb'; Do = { Get-VmDisk -Domain web1 -Disk vdb -Uri $node } }
        @{ Expected = 'web1/vdb', 'web2/vdb'; Do = { Get-VmDisk web* -Target *b -Uri $node } }
        @{ Expected = 'web1/vda', 'web1/vdb', 'web2/vda', 'web2/vdb', 'db/vda'; Do = { Get-VmDisk web1, web2, db -Uri $node } }
        @{ Expected = 'web1/vda'; Do = { Get-VmDisk (Get-VmDomain web1 -Uri $node) vda } }
        @{ Expected = 'web1/vdb'; Do = { Get-VmDisk web1 /images/web1-vdb.qcow2 -Uri $node } }
        @{ Expected = 'web1/vdb'; Do = { Get-VmDisk web1 "<disk><target dev='vdb'/></disk>" -Uri $node } }
        @{ Expected = 'web1/vdb'; Do = { Get-VmDisk web1 ([xml] "<disk><target dev='vdb'/></disk>") -Uri $node } }
        @{ Expected = 'web1/vda'; Do = { Get-VmDisk web1 (Get-VmDisk db -Uri $node) -Uri $node } }
        @{ Expected = @(); Do = { Get-VmDisk web1 z* -Uri $node } }
        @{ Expected = 'web1/vda', 'db/vda'; Do = { 'web1', 'db' | Get-VmDisk vda -Uri $node } }
        @{ Expected = 'web1/vdb', 'web2/vdb'; Do = { Get-VmDomain web* -Uri $node | Get-VmDisk vdb } }
        @{ Expected = 'web1/vda'; Do = { Get-VmDomain web1 -Uri $node | Get-VmDisk -Target vda } }
        @{ Expected = 'web1/vdb'; Do = { Get-VmDomain web1 -Uri $node | Get-VmDisk ([xml] "<disk><target dev='vdb'/></disk>") } }
        @{ Expected = 'web1/vda'; Do = { Get-VmDomain web1 -Uri $node | Get-VmDisk (Get-VmDisk db -Uri $node) } }
        @{ Expected = 'web1/vda'; Do = { (Get-VmDomain web1 -Uri $node).Uuid | Get-VmDisk vda -Uri $node } }
        @{ Expected = 'web2/vdb'; Do = { Get-VmDisk web2 vdb -Uri $node | Get-VmDisk } }
        @{ Expected = 'web1/vdb'; Do = { Get-DiskSnapshotMethod web1 vdb -Uri $node | Get-VmDisk } }
        @{ Expected = 'web1/vdb'; Do = { Get-DiskStorageStack web1 vdb -Uri $node | Get-VmDisk } }
        @{ Expected = 'web1/vda', 'web1/vdb'; Do = { [pscustomobject]@{ Name = 'web1'; Uri = $node } | Get-VmDisk } }
        @{ Expected = 'db/vda'; Do = { Get-VmDomain db -Uri $node | Select-Object Uuid, @{ Name = 'Uri'; Expression = { [uri] $_.Uri } } | Get-VmDisk } }
        @{ Expected = 'db/vda'; Do = { [pscustomobject]@{ Uuid = "$((Get-VmDomain db -Uri $node).Uuid)"; Name = 'gone'; Uri = $node } | Get-VmDisk } }
        @{ Expected = 'web2/vda'; Do = { [pscustomobject]@{ Domain = 'web2'; Disk = 'vda'; Uri = $node } | Get-VmDisk } }
        @{ Expected = 'web1/vdb'; Do = { [pscustomobject]@{ Domain = 'web1'; Target = 'vdb'; Uri = $node } | Get-VmDisk } }
        @{ Expected = 'web1/vdb'; Do = { [pscustomobject]@{ Domain = 'web1'; Disk = '/images/web1-vdb.qcow2'; Uri = $node } | Get-VmDisk } }
        @{ Expected = 'web1/vdb'; Do = { [pscustomobject]@{ Domain = 'web1'; Disk = '*b'; Uri = $node } | Get-VmDisk } }
        @{ Expected = 'web1/vdb'; Do = { [pscustomobject]@{ Domain = 'web1'; Uri = $node } | Get-VmDisk vdb } }
        @{ Expected = 'web1/vdb'; Do = { [pscustomobject]@{ Domain = 'web1' } | Get-VmDisk vdb -Uri $node } }
        @{ Expected = 'web1/vdb'; Do = { [pscustomobject]@{ Domain = (Get-VmDomain web1 -Uri $node); Disk = (Get-VmDisk web1 vdb -Uri $node) } | Get-VmDisk } }
        @{ Expected = 'web1/vda'; Do = { [pscustomobject]@{ Name = 'web1'; Group = 'production'; Uri = $node } | Get-VmDisk vda } }
        @{ Expected = 'web1/vdb'; Do = { [pscustomobject]@{ Host = 'web1'; Disk = 'vdb'; Uri = $node } | Get-VmDisk -Domain { $_.Host } } }
        @{ Expected = 'web1/vdb'
            Do = { [pscustomobject]@{ Host = 'web1'; Uri = $node } | Get-VmDisk -InputObject { $_.Host } -Uri { $_.Uri } -Target { 'vdb' } } }
        @{ Expected = 'web1/vdb', 'web2/vda'; Do = { "Domain,Disk,Uri`nweb1,vdb,$node`nweb2,vda,$node" | ConvertFrom-Csv | Get-VmDisk } }
        @{ Expected = 'web2/vdb'; Do = { Get-Deserialized (Get-VmDisk web2 vdb -Uri $node) | Get-VmDisk } }
    ) {
        $disks = & $Do
        $disks | ForEach-Object ToString | Should -Be $Expected
        $disks | ForEach-Object { $_.GetType().FullName | Should -Be VirtSnapshot.Domains.VmDisk; $_.Uri | Should -Be $node }
    }

    It 'writes the disk as the domain uses it' {
        $disk = Get-VmDisk off1 vda
        $disk.Format | Should -Be qcow2
        $disk.Source.Path | Should -Be "$lab/images/off1-vda.qcow2"
        ([xml] $disk.Xml).disk.source.file | Should -Be $disk.Source.Path
    }

    It 'a missing disk is one error for each domain, and the others are written' {
        $disks = Get-VmDomain -Uri $node | Get-VmDisk vdb -ErrorAction SilentlyContinue -ErrorVariable failures
        $disks | ForEach-Object ToString | Should -Be web1/vdb, web2/vdb
        $failures.FullyQualifiedErrorId | Should -BeLike 'DiskNotFound,*'
        $failures.CategoryInfo.Category | Should -Be ObjectNotFound
    }

    It 'a missing disk beside others is one error about it, and the others are written' {
        $disks = Get-VmDisk web1 vda, vdz -Uri $node -ErrorAction SilentlyContinue -ErrorVariable failures
        $disks | ForEach-Object ToString | Should -Be web1/vda
        $failures | Should -HaveCount 1
        $failures.FullyQualifiedErrorId | Should -BeLike 'DiskNotFound,*'
        $failures.TargetObject | Should -Be vdz
    }

    It 'processes what is understood beside what is not: <Given>' -ForEach @(
        @{ Given = { $domain, (Get-Date), $null, $disk } }
        @{ Given = { , @($domain, (Get-Date), $null, $disk) } }
    ) {
        $domain = Get-VmDomain web1 -Uri $node
        $disk = Get-VmDisk web2 vda -Uri $node
        $disks = & $Given | Get-VmDisk -ErrorAction SilentlyContinue -ErrorVariable failures
        $disks | ForEach-Object { "$_ $($_.Uri)" } | Should -Be "web1/vda $node", "web1/vdb $node", "web2/vda $node"
        $failures.FullyQualifiedErrorId | Should -BeLike 'InputNotUnderstood,*'
        $failures | Should -HaveCount 2
    }

    It 'the error for an object that is not understood names its type, its properties and what is accepted' {
        $failure = Get-Failure { [pscustomobject]@{ Uri = $node; Owner = 'me' } | Get-VmDisk }
        $failure.Exception.Message | Should -BeLike "*'System.Management.Automation.PSCustomObject'*"
        $failure.Exception.Message | Should -BeLike '*Its properties are: Uri, Owner.*'
        $failure.Exception.Message | Should -BeLike '*with the property Name or Uuid of a domain, or Domain or DomainUuid with Disk or Target*'
        $failure.TargetObject.Owner | Should -Be me
    }

    It 'fails with <Id>: <Do>' -ForEach @(
        @{ Id = 'DomainNotFound'; Do = { Get-VmDisk missing -Uri $node } }
        @{ Id = 'DiskNotFound'; Do = { Get-VmDisk web1 vdz -Uri $node } }
        @{ Id = 'DiskDiffers'; Do = { Get-VmDisk web1 "<disk type='file'><source file='/other'/><target dev='vda'/></disk>" -Uri $node } }
        @{ Id = 'InvalidXml'; Do = { Get-VmDisk web1 '<disk' -Uri $node } }
        @{ Id = 'InvalidXml'; Do = { Get-VmDisk web1 '<disk/>' -Uri $node } }
        @{ Id = 'InvalidWildcard'; Do = { Get-VmDisk web1 'vd[z-a]' -Uri $node } }
        @{ Id = 'InvalidWildcard'; Do = { Get-VmDisk web1 'vd[' -Uri $node } }
        @{ Id = 'LibvirtUnreachable'; Do = { Get-VmDisk web1 -Uri 'qemu:///system?socket=/nowhere' } }
        @{ Id = 'DomainGivenTwice'; Do = { Get-VmDomain db -Uri $node | Get-VmDisk web1 vda } }
        @{ Id = 'DomainGivenTwice'; Do = { [pscustomobject]@{ Uri = $node } | Get-VmDisk -InputObject web1 } }
        @{ Id = 'DiskGivenTwice'; Do = { Get-VmDisk web1 vda -Uri $node | Get-VmDisk vdb } }
        @{ Id = 'InputNotUnderstood'; Do = { $null | Get-VmDisk } }
        @{ Id = 'InputNotUnderstood'; Do = { @{ a = 1 } | Get-VmDisk } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-VmDisk -Domain $null } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-VmDisk -Domain @() } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-VmDisk -Domain missing, $null } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-VmDisk (Get-VmDomain nothing*) } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-VmDisk (Get-Date) } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-VmDisk -InputObject $null } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-VmDisk web1 $null } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-VmDisk web1 @() } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-VmDisk web1 vda, '' } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-VmDisk web1 (Get-Date) } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-VmDisk web1 -Uri $null } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-VmDomain web1 | Get-VmDisk $null } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-VmDomain web1 | Get-VmDisk (Get-Date) } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-VmDomain web1 | Get-VmDisk -Target { $_.Nothing } } }
    ) {
        Get-ErrorId $Do | Should -Be $Id
    }

    It 'prints a table' {
        $shown = Get-VmDisk off1 | Out-String -Width 160
        $shown | Should -Match 'Domain +Target +Bus +Device +Format +Source'
        $shown | Should -Match "off1 +vda +virtio +disk +qcow2 +$lab/images/off1-vda.qcow2"
    }

    It 'completes <Line>' -ForEach @(
        @{ Line = 'Get-VmDisk -T'; Expected = '-Target' }
        @{ Line = 'Get-VmDisk | Where-Object Bac'; Expected = 'BackingChain' }
    ) {
        Get-Completion $Line | Should -Contain $Expected
    }
}
