BeforeAll {
    . "$PSScriptRoot/Lab.ps1"
    $WarningPreference = 'SilentlyContinue'
}

AfterAll { Exit-Lab }

Describe 'Get-DiskSnapshot' {
    BeforeAll {
        $null = New-DiskSnapshot off1 -Name one
        $null = New-DiskSnapshot off1 -Name two -Disk vda
        $null = New-DiskSnapshot bare1 -Name one -NoQuiesce
        $one = Get-DiskSnapshot off1 vda -Name one
        $two = Get-DiskSnapshot off1 vda -Name two
    }

    AfterAll { Clear-Snapshot }

    It 'writes <Expected>: <Do>' -ForEach @(
        @{ Expected = 'bare1/vda@one', 'off1/vda@one', 'off1/vda@two', 'off1/vdb@one'; Do = { Get-DiskSnapshot } }
        @{ Expected = 'off1/vda@one', 'off1/vda@two', 'off1/vdb@one'; Do = { Get-DiskSnapshot off1 } }
        @{ Expected = 'off1/vdb@one'; Do = { Get-DiskSnapshot off1 vdb } }
        @{ Expected = 'off1/vdb@one'; Do = { Get-DiskSnapshot -Domain off1 -Target vdb } }
        @{ Expected = 'off1/vda@two'; Do = { Get-DiskSnapshot off1 -Name two } }
        @{ Expected = 'off1/vda@two'; Do = { Get-DiskSnapshot off1 -Name t* } }
        @{ Expected = 'off1/vda@two'; Do = { Get-DiskSnapshot off* -Name t*, nothing* } }
        @{ Expected = @(); Do = { Get-DiskSnapshot off1 -Name z* } }
        @{ Expected = @(); Do = { Get-DiskSnapshot z* } }
        @{ Expected = 'off1/vda@one'; Do = { Get-DiskSnapshot -Id $one.Id } }
        @{ Expected = 'off1/vda@one', 'off1/vdb@one'; Do = { Get-DiskSnapshot -Id "$($one.Group)/*" } }
        @{ Expected = @(); Do = { Get-DiskSnapshot -Id $one.Id -Name t* } }
        @{ Expected = 'bare1/vda@one', 'off1/vda@one', 'off1/vda@two'; Do = { Get-VmDomain bare1, off1 | Get-DiskSnapshot vda } }
        @{ Expected = 'off1/vda@one', 'off1/vda@two'; Do = { Get-VmDisk off1 vda | Get-DiskSnapshot } }
        @{ Expected = 'off1/vda@one'; Do = { Get-VmDisk off1 vda | Get-DiskSnapshot -Name one } }
        @{ Expected = 'off1/vda@one', 'off1/vda@two', 'off1/vdb@one'; Do = { 'off1' | Get-DiskSnapshot } }
        @{ Expected = 'off1/vda@one'; Do = { $one | Get-DiskSnapshot } }
        @{ Expected = 'off1/vda@one', 'off1/vdb@one'; Do = { $one | Select-Object Domain, Group, Uri | Get-DiskSnapshot } }
        @{ Expected = 'off1/vda@two'; Do = { [pscustomobject]@{ Domain = 'off1'; Disk = 'vda'; Name = 'two' } | Get-DiskSnapshot } }
        @{ Expected = 'off1/vda@two', 'off1/vdb@one'; Do = { "Domain,Disk,Name`noff1,vda,two`noff1,vdb,one" | ConvertFrom-Csv | Get-DiskSnapshot } }
        @{ Expected = 'bare1/vda@one', 'off1/vda@two'
            Do = { "Host,Label`nbare1,one`noff1,two" | ConvertFrom-Csv | Get-DiskSnapshot -Domain { $_.Host } -Name { $_.Label } } }
    ) {
        & $Do | ForEach-Object ToString | Sort-Object | Should -Be $Expected
    }

    It 'a snapshot leads to its domain and its disk' {
        ($one | Get-VmDomain).Name | Should -Be off1
        ($one | Get-VmDisk).ToString() | Should -Be off1/vda
        $one.Id | Should -Be "$($one.Group)/vda"
    }

    It 'a missing disk beside others is one error about it, and the snapshots of the others are written' {
        $found = Get-DiskSnapshot off1 vda, vdz -Name one -ErrorAction SilentlyContinue -ErrorVariable failures
        $found | ForEach-Object ToString | Should -Be off1/vda@one
        $failures | Should -HaveCount 1
        $failures.FullyQualifiedErrorId | Should -BeLike 'DiskNotFound,*'
        $failures.TargetObject | Should -Be vdz
    }

    It 'what is written cannot be changed: <_>' -ForEach 'Name', 'Disk', 'Domain', 'Group', 'State', 'Uri' {
        $property, $before = $_, $one.$_
        { $one.$property = $two.$property } | Should -Throw '*ReadOnly*'
        $one.$property | Should -Be $before
    }

    It 'prints a table' {
        $shown = Get-DiskSnapshot off1 -Name two | Out-String -Width 160
        $shown | Should -Match 'Domain +Disk +Name +Method +Consistency +State +Frozen +BackupSource'
        $shown | Should -Match "off1 +vda +two +qemu +Offline +Available +$lab/images/off1-vda.one.qcow2"
    }

    It 'what is missing is an error, and the others are written' {
        $found = 'off1', 'missing', 'bare1' | Get-DiskSnapshot -Name one, three -ErrorAction SilentlyContinue -ErrorVariable failures
        $found | ForEach-Object ToString | Should -Be off1/vda@one, off1/vdb@one, bare1/vda@one
        $failures.FullyQualifiedErrorId | ForEach-Object { $_.Split(',')[0] } | Sort-Object | Should -Be DomainNotFound, SnapshotNotFound
        ($failures | Where-Object FullyQualifiedErrorId -Like SnapshotNotFound*).TargetObject | Should -Be three
    }

    It 'fails with <Id>: <Do>' -ForEach @(
        @{ Id = 'DomainNotFound'; Do = { Get-DiskSnapshot missing } }
        @{ Id = 'DiskNotFound'; Do = { Get-DiskSnapshot off1 vdz } }
        @{ Id = 'SnapshotNotFound'; Do = { Get-DiskSnapshot off1 -Name three } }
        @{ Id = 'SnapshotNotFound'; Do = { Get-DiskSnapshot bare1 -Id $one.Id } }
        @{ Id = 'DomainGivenTwice'; Do = { Get-VmDomain off1 | Get-DiskSnapshot bare1 vda } }
        @{ Id = 'DiskGivenTwice'; Do = { $one | Get-DiskSnapshot vda } }
        @{ Id = 'InvalidWildcard'; Do = { Get-DiskSnapshot off1 -Name 'x[z-a]' } }
        @{ Id = 'InvalidWildcard'; Do = { Get-DiskSnapshot off1 -Name 'ta[' } }
        @{ Id = 'LibvirtUnreachable'; Do = { Get-DiskSnapshot off1 -Uri 'qemu:///system?socket=/nowhere' } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-DiskSnapshot -Name $null } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-DiskSnapshot -Name @() } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-DiskSnapshot -Id '' } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-Date | Get-DiskSnapshot } }
    ) {
        Get-ErrorId $Do | Should -Be $Id
    }

    It 'completes <Line>' -ForEach @(
        @{ Line = 'Get-DiskSnapshot -I'; Expected = '-Id' }
        @{ Line = 'Get-DiskSnapshot | Where-Object Consis'; Expected = 'Consistency' }
    ) {
        Get-Completion $Line | Should -Contain $Expected
    }

    Context 'the state' {
        BeforeEach {
            New-BareDomain state1
            $definition = "$lab/state1-before.xml"
            Invoke-Virsh dumpxml state1 --inactive > $definition
            $snapshot = New-DiskSnapshot state1 -Name s1
        }

        AfterEach { Remove-BareDomain state1; Remove-BareDomain state2 }

        It '<State>: <Where>' -ForEach @(
            @{ State = 'Available'; Where = 'as it was taken'; Do = {} }
            @{ State = 'Missing'; Where = 'the base is gone'; Do = { Remove-Item $snapshot.BackupSource.Path -Force } }
            @{ State = 'Detached'; Where = 'the domain was defined from an old XML'
                Do = { Write-Image $snapshot.ModifiedDisk 1; $null = Invoke-Virsh define $definition } }
            @{ State = 'Unknown'; Where = 'the record is lost'
                Do = { Invoke-Virsh metadata state1 "urn:virtsnapshot:1:set:$($snapshot.Group)" --remove --config } }
        ) {
            . $Do
            $found = Get-DiskSnapshot state1
            $found | ForEach-Object { "$($_.Name) $($_.State)" } | Should -Be "s1 $State"
        }

        It 'Foreign: the record was copied from another domain' {
            New-BareDomain state2
            $record = Invoke-Virsh metadata state1 "urn:virtsnapshot:1:set:$($snapshot.Group)" | Out-String
            Invoke-Virsh metadata state2 "urn:virtsnapshot:1:set:$($snapshot.Group)" --key copied --set $record --config
            (Get-DiskSnapshot state2).State | Should -Be Foreign
            Get-ErrorId { Restore-DiskSnapshot state2 -Name s1 -Confirm:$false } | Should -Be SnapshotForeign
            Remove-DiskSnapshot state2 -Name s1 -Confirm:$false -WarningVariable warnings
            $warnings | Should -BeLike '*nothing was deleted*'
            Get-DiskSnapshot state2 | Should -BeNullOrEmpty
            (Get-DiskSnapshot state1).State | Should -Be Available
        }

        It 'Damaged: the record cannot be read' {
            Invoke-Virsh metadata state1 "urn:virtsnapshot:1:set:$($snapshot.Group)" --key damaged --set '<set name="s1"><disk target="vda"/></set>' --config
            # What its overlay itself says of it is shown beside.
            $found = Get-DiskSnapshot state1 -Name s1 -WarningVariable warnings
            $found.State | Should -Be 'Damaged', 'Unknown'
            $warnings | Should -BeLike "*metadata of domain 'state1' (snapshot 's1') cannot be read: *"
            $found[0] | Remove-DiskSnapshot -Confirm:$false -WarningVariable warnings
            $warnings | Should -BeLike '*nothing was deleted*'
            Get-DiskSnapshot state1 | ForEach-Object { "$($_.Name) $($_.State)" } | Should -Be 's1 Unknown'
        }
    }
}

Describe 'A damaged record' {
    BeforeEach {
        $records = [ordered]@{
            damaged1 = 'journal', '<journal operation="7" startedAt="2026-01-01T00:00:00Z"/>'
            damaged2 = "set:$(New-Guid)", '<set group="none" name="s1" createdAt="2026-01-01T00:00:00Z"/>'
            damaged3 = "set:$(New-Guid)", ('<set group="{0}" name="s1" createdAt="never"><disk target="vda" method="qemu" consistency="9">' +
                '<backup type="7"/></disk></set>' -f (New-Guid))
            damaged4 = 'method:vda', '<method><diskSnapshot method="No Name"/></method>'
        }
        foreach ($name in $records.Keys) {
            New-BareDomain $name
            $kind, $record = $records[$name]
            Invoke-Virsh metadata $name "urn:virtsnapshot:1:$kind" --key damaged --set $record --config
        }

        New-BareDomain damaged5
        $null = New-DiskSnapshot damaged5 -Name s1
    }

    AfterEach { 1..5 | ForEach-Object { Remove-BareDomain "damaged$_" } }

    It 'is listed or one error about its domain, and the others are processed: <Do>' -ForEach @(
        @{ Do = { Get-DiskSnapshot damaged* }; Written = 'damaged2/@s1', 'damaged3/vda@s1', 'damaged5/vda@s1'; Warnings = 3 }
        @{ Do = { Get-VmDomain damaged* | Get-DiskSnapshot -Name s1 }; Written = 'damaged2/@s1', 'damaged3/vda@s1', 'damaged5/vda@s1'; Warnings = 3 }
        @{ Do = { Repair-DiskSnapshot damaged*; Get-DiskSnapshot damaged5 }; Failed = 'damaged1 JournalDamaged'; Written = 'damaged5/vda@s1'; Warnings = 2 }
        @{ Do = { Remove-DiskSnapshot damaged* -Name s1 -Confirm:$false; Get-DiskSnapshot damaged5 }; Warnings = 2; Changed = 'damaged2', 'damaged3' }
        @{ Do = { Get-DiskSnapshot damaged* | Remove-DiskSnapshot -Confirm:$false; Get-DiskSnapshot damaged5 }; Warnings = 5; Changed = 'damaged2', 'damaged3' }
        @{ Do = { Get-VmDomain damaged* | New-DiskSnapshot -Name s2; Get-DiskSnapshot damaged5 -Name s1 }; Failed = 'damaged1 JournalDamaged'
            Written = 'damaged2/vda@s2', 'damaged3/vda@s2', 'damaged5/vda@s1', 'damaged5/vda@s2'; Warnings = 2; Changed = 'damaged2', 'damaged3' }
    ) {
        $ErrorActionPreference = 'Continue'
        $WarningPreference = 'Continue'
        $case = $_
        $expected = @(@($case.Failed) -ne $null) + 'damaged4 CatalogDamaged'
        $before = @{}
        1..4 | ForEach-Object { $before["damaged$_"] = (Invoke-Virsh dumpxml "damaged$_") -join "`n" }
        $all = & $Do 3>&1 2>&1
        $failures = $all.Where({ $_ -is [Management.Automation.ErrorRecord] })
        $warnings = $all.Where({ $_ -is [Management.Automation.WarningRecord] })
        $written = $all.Where({ $_ -isnot [Management.Automation.ErrorRecord] -and $_ -isnot [Management.Automation.WarningRecord] })
        $failures | ForEach-Object { "$($_.TargetObject) $($_.FullyQualifiedErrorId.Split(',')[0])" } | Sort-Object | Should -Be $expected
        $written | ForEach-Object ToString | Sort-Object | Should -Be $case.Written
        @($warnings) -match 'cannot be read|nothing was deleted' | Should -HaveCount $case.Warnings
        foreach ($name in $before.Keys | Where-Object { $_ -notin $case.Changed }) {
            (Invoke-Virsh dumpxml $name) -join "`n" | Should -Be $before[$name]
        }
    }

    It 'of one domain matters to no other one''s snapshots' {
        Remove-DiskSnapshot damaged5 -Name s1 -Confirm:$false
        Get-DiskSnapshot damaged5 | Should -BeNullOrEmpty
    }
}
