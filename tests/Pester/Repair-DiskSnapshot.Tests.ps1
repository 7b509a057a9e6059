BeforeAll {
    . "$PSScriptRoot/Lab.ps1"
    $WarningPreference = 'SilentlyContinue'
}

AfterAll { Exit-Lab }

Describe 'Repair-DiskSnapshot' {
    It 'passes over domains that need none: <Do>' -ForEach @(
        @{ Do = { Repair-DiskSnapshot } }
        @{ Do = { Repair-DiskSnapshot off1 } }
        @{ Do = { Repair-DiskSnapshot -Domain off*, bare1 -Uri $uri -DetachedOverlay Reattach } }
        @{ Do = { Get-VmDomain | Repair-DiskSnapshot } }
        @{ Do = { 'off1' | Repair-DiskSnapshot } }
        @{ Do = { [pscustomobject]@{ Name = 'off1'; Uri = $uri } | Repair-DiskSnapshot } }
        @{ Do = { "Host`noff1" | ConvertFrom-Csv | Repair-DiskSnapshot -Domain { $_.Host } } }
        @{ Do = { Get-VmDomain z* | Repair-DiskSnapshot } }
    ) {
        & $Do | Should -BeNullOrEmpty
    }

    It 'finishes a removal whose process was killed' {
        $base = Get-DiskPath bare1
        $null = New-DiskSnapshot bare1 -Name killed -NoQuiesce
        Write-Disk bare1 7 4M
        $shell = Start-Shell "Remove-DiskSnapshot bare1 -Name killed -Bandwidth 128KB -Confirm:`$false"
        Wait-Until { (Get-DiskSnapshot bare1).State -eq 'Removing' }

        # With all that it has started: a tool-installed pwsh is only a launcher.
        $shell.Kill($true)
        $shell.WaitForExit()
        (Get-DiskSnapshot bare1).State | Should -Be Removing
        Get-ErrorId { New-DiskSnapshot bare1 -NoQuiesce } | Should -Be UnfinishedRun
        Get-WhatIf { Repair-DiskSnapshot bare1 -WhatIf } | Should -Match 'on target "bare1"'
        (Get-DiskSnapshot bare1).State | Should -Be Removing
        $result = Repair-DiskSnapshot bare1
        "$($result.Domain) $($result.Action)" | Should -Be 'bare1 Finished'
        $result.Details[0] | Should -BeLike "*vda*"
        Get-DiskSnapshot bare1 | Should -BeNullOrEmpty
        Get-DiskPath bare1 | Should -Be $base
    }

    It 'fails with <Id>: <Do>' -ForEach @(
        @{ Id = 'DomainNotFound'; Do = { Repair-DiskSnapshot missing } }
        @{ Id = 'DomainGivenTwice'; Do = { Get-VmDomain off1 | Repair-DiskSnapshot bare1 } }
        @{ Id = 'InputNotUnderstood'; Do = { Repair-DiskSnapshot $null } }
        @{ Id = 'LibvirtUnreachable'; Do = { Repair-DiskSnapshot off1 -Uri 'qemu:///system?socket=/nowhere' } }
        @{ Id = 'CannotConvertArgumentNoMessage'; Do = { Repair-DiskSnapshot off1 -DetachedOverlay Forget } }
    ) {
        Get-ErrorId $Do | Should -Be $Id
    }

    It 'completes <Line>' -ForEach @(
        @{ Line = 'Repair-DiskSnapshot -D'; Expected = '-DetachedOverlay', '-Domain' }
        @{ Line = 'Repair-DiskSnapshot -DetachedOverlay '; Expected = 'Reattach', 'KeepAside' }
    ) {
        $found = Get-Completion $Line
        $Expected | ForEach-Object { $found | Should -Contain $_ }
    }

    Context 'of a domain that lost something' {
        BeforeEach {
            New-BareDomain repaired1
            $definition = "$lab/repaired1-before.xml"
            Invoke-Virsh dumpxml repaired1 --inactive > $definition
            $snapshot = New-DiskSnapshot repaired1 -Name s1
            Write-Image $snapshot.ModifiedDisk 5
        }

        AfterEach { Remove-BareDomain repaired1 }

        It 'JournalDamaged is the error for a journal that cannot be read' {
            Invoke-Virsh metadata repaired1 urn:virtsnapshot:1:journal --key journal --set '<journal/>' --config
            $failure = Get-Failure { 'repaired1', 'off1' | Repair-DiskSnapshot }
            $failure.FullyQualifiedErrorId | Should -BeLike 'JournalDamaged,*'
            $failure.CategoryInfo.Category | Should -Be InvalidData
            $failure.TargetObject.Name | Should -Be repaired1
        }

        It 'records a snapshot again whose record was lost' {
            Invoke-Virsh metadata repaired1 "urn:virtsnapshot:1:set:$($snapshot.Group)" --remove --config
            (Get-DiskSnapshot repaired1).State | Should -Be Unknown
            Repair-DiskSnapshot repaired1 -WhatIf | Should -BeNullOrEmpty
            (Get-DiskSnapshot repaired1).State | Should -Be Unknown
            (Repair-DiskSnapshot repaired1).Domain | Should -Be repaired1
            $again = Get-DiskSnapshot repaired1
            "$again $($again.State) $($again.Id)" | Should -Be "repaired1/vda@s1 Available $($snapshot.Id)"
        }

        It '-DetachedOverlay <Way> deals with an overlay that the domain does not use any more' -ForEach @(
            @{ Way = 'Reattach'; Action = 'Reattached' }
            @{ Way = 'KeepAside'; Action = 'KeptAside' }
        ) {
            $null = Invoke-Virsh define $definition
            $overlay = $snapshot.ModifiedDisk.Source.Path
            Get-WhatIf { Repair-DiskSnapshot repaired1 -DetachedOverlay $Way -WhatIf } | Should -Match 'on target "repaired1"'
            Test-Path $overlay | Should -BeTrue
            (Repair-DiskSnapshot repaired1 -DetachedOverlay $Way).Action | Should -Be $Action
            if ($Way -eq 'Reattach') { Get-DiskPath repaired1 | Should -Be $overlay; (Get-DiskSnapshot repaired1).State | Should -Be Available }
            else {
                Get-DiskPath repaired1 | Should -Be $snapshot.BackupSource.Path
                Test-Path $overlay | Should -BeFalse
                Get-ChildItem "$lab/images/repaired1-*" | Should -HaveCount 2
            }
        }

        It 'DomainRunning is the error for a detached overlay of a running domain' {
            $null = Invoke-Virsh define $definition
            Invoke-Virsh start repaired1
            Get-ErrorId { Repair-DiskSnapshot repaired1 -DetachedOverlay Reattach } | Should -Be DomainRunning
        }
    }
}
