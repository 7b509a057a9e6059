<#
    What objects in a pipeline mean. Each of the domains is behind a second URI as well, with the same name and UUID, and that is the default one: a command
    that forgets the Uri of an object is found out there.
#>
BeforeDiscovery {
    $commands = (Import-PowerShellDataFile "$PSScriptRoot/../../VirtSnapshot.psd1").CmdletsToExport
}

BeforeAll {
    . "$PSScriptRoot/Lab.ps1"
    $WarningPreference = 'SilentlyContinue'
    $env:LIBVIRT_DEFAULT_URI = New-TestNode "off1:vda,vdb:$((Get-VmDomain off1 -Uri $uri).Uuid)" "bare1:vda:$((Get-VmDomain bare1 -Uri $uri).Uuid)"

    # What becomes of an object on its way through a file, another program or another process.
    $ways = [ordered]@{
        'no way at all' = { param($given) $given }
        'Clixml' = { param($given) Export-Clixml "$lab/given.xml" -InputObject $given; Import-Clixml "$lab/given.xml" }
        'JSON' = { param($given) ConvertTo-Json $given -WarningAction Ignore | ConvertFrom-Json }
        'a hashtable of JSON' = { param($given) ConvertTo-Json $given -WarningAction Ignore | ConvertFrom-Json -AsHashtable }
        'CSV' = { param($given) $given | ConvertTo-Csv | ConvertFrom-Csv }
    }

    # The parameters with which a command changes nothing, and means snapshot s1 and all disks where the object in the pipeline does not tell.
    function Get-Parameter([string] $Command, [switch] $IsDomain, [switch] $IsSnapshot) {
        $known = (Get-Command $Command).Parameters
        $parameters = @{}
        if ($known.ContainsKey('WhatIf')) { $parameters.WhatIf = $true }
        if ($known.ContainsKey('Id') -and -not $IsSnapshot) { $parameters.Name = 's1' }
        if (($known.ContainsKey('Disk') -or $known.ContainsKey('Target')) -and $IsDomain) { $parameters[$known.ContainsKey('Disk') ? 'Disk' : 'Target'] = '*' }
        if ($Command -eq 'Set-DiskSnapshotMethod') { $parameters.Method = 'qemu' }
        $parameters
    }

    # Which domains, disks or snapshots a command writes or would change; errors by their ids, for there must be none. Repair-DiskSnapshot passes over domains
    # that need none, so it is given a journal that it cannot read.
    function Get-Meant([scriptblock] $Pipeline) {
        $ErrorActionPreference = 'Continue'
        $written = [Collections.Generic.List[object]]::new()
        $asked = Get-WhatIf { & $Pipeline 2>&1 | ForEach-Object { $written.Add($_) } }
        foreach ($item in $written) {
            if ($item -isnot [Management.Automation.ErrorRecord]) {
                $text = $item.GetType().Name -in 'VmDomain', 'VmDisk', 'DiskSnapshot' ? "$item" : "$($item.Domain)/$($item.Disk)"
                $item.Uri -eq $uri ? $text : "$text behind $($item.Uri)"
            }
            elseif ($item.FullyQualifiedErrorId -like 'JournalDamaged,*' -and $item.TargetObject.Uri -eq $uri) { $item.TargetObject.Name }
            else { $item.FullyQualifiedErrorId }
        }

        foreach ($text in $asked) {
            if ($text -match "to snapshot '(\w+)' of") {
                $name = $Matches[1]
                [regex]::Matches($text, '(?m)^  (\w+/vd[a-z])') | ForEach-Object { "$($_.Groups[1].Value)@$name" }
            }
            else { [regex]::Matches($text, '\b(off1|bare1)/vd[a-z](@\w+)?') | ForEach-Object Value }
        }
    }
}

AfterAll { Exit-Lab }

Describe 'Objects in a pipeline' {
    BeforeAll {
        foreach ($name in 's1', 's2') {
            $null = 'off1', 'bare1' | New-DiskSnapshot -Name $name -NoQuiesce -Uri $uri
        }

        $objects = [ordered]@{
            domain = Get-VmDomain off1 -Uri $uri
            disk = Get-VmDisk off1 vda -Uri $uri
            snapshot = Get-DiskSnapshot off1 vda -Name s1 -Uri $uri
            setting = Get-DiskSnapshotMethod off1 vda -Uri $uri
            option = @(Get-DiskSnapshotMethod off1 vda -All -Uri $uri)[0]
            stack = Get-DiskStorageStack off1 vda -Uri $uri
        }
        $given = foreach ($kind in $objects.Keys) {
            # A hashtable is read as the object of JSON is.
            foreach ($way in $ways.Keys -ne 'a hashtable of JSON') { [pscustomobject]@{ Kind = $kind; Way = $way; Object = & $ways[$way] $objects[$kind] } }
        }

        $domain, $snapshot = $objects.domain, $objects.snapshot | Start-Job { $input } | Receive-Job -Wait -AutoRemoveJob
        $given += [pscustomobject]@{ Kind = 'domain'; Way = 'a job'; Object = $domain }
        $given += [pscustomobject]@{ Kind = 'snapshot'; Way = 'a job'; Object = $snapshot }
    }

    AfterAll { Clear-Snapshot }

    It '<_> understands each kind of object, also after it has left the process' -ForEach $commands {
        $command = $_
        $known = (Get-Command $command).Parameters
        if ($command -eq 'Repair-DiskSnapshot') {
            'off1', 'bare1' | ForEach-Object { Invoke-Virsh metadata $_ urn:virtsnapshot:1:journal --key journal --set '<journal/>' --config }
        }

        try {
            foreach ($one in $given) {
                $parameters = Get-Parameter $command -IsDomain:($one.Kind -eq 'domain') -IsSnapshot:($one.Kind -eq 'snapshot')
                $disks = $one.Kind -eq 'domain' ? @('off1/vda', 'off1/vdb') : @('off1/vda')
                $expected = if ($known.ContainsKey('Id')) { $disks | ForEach-Object { "$_@s1" } }
                elseif ($known.ContainsKey('Disk') -or $known.ContainsKey('Target')) { $disks }
                else { 'off1' }
                $meant = Get-Meant { $one.Object | & $command @parameters } | Select-Object -Unique
                $meant | Should -Be $expected -Because "that is the $($one.Kind) through $($one.Way)"
            }
        }
        finally {
            if ($command -eq 'Repair-DiskSnapshot') {
                'off1', 'bare1' | ForEach-Object { Invoke-Virsh metadata $_ urn:virtsnapshot:1:journal --remove --config }
            }
        }
    }

    It 'a snapshot is known by <Left>' -ForEach @(
        @{ Left = 'Id' }, @{ Left = 'Group' }, @{ Left = 'Name' }, @{ Left = 'Id', 'Name' }, @{ Left = 'Group', 'Name' }
    ) {
        $properties = @('Domain', 'Disk', 'Uri') + $Left
        foreach ($way in $ways.Keys) {
            $given = & $ways[$way] ($objects.snapshot | Select-Object $properties)
            $parameters = @{ WhatIf = $true }
            $given | Get-DiskSnapshot | ForEach-Object ToString | Should -Be off1/vda@s1 -Because "that is what went through $way"
            Get-Meant { $given | Remove-DiskSnapshot @parameters } | Should -Be off1/vda@s1 -Because "that is what went through $way"
        }
    }

    It '<_> refuses what is not understood, and never takes it for all' -ForEach $commands {
        $command = $_
        $parameters = Get-Parameter $command
        $things = @(
            { [pscustomobject]@{ Uri = $uri } }
            { [pscustomobject]@{ Uri = $uri; Disk = 'vda' } }
            { [pscustomobject]@{ Uri = $uri; Target = 'vda'; Name = 'off1' } }
            { [pscustomobject]@{ Uri = $uri; Name = $null } }
            { [pscustomobject]@{ Uri = $uri; Name = '' } }
            { [pscustomobject]@{ Uri = $uri; Domain = ' '; Name = 'off1' } }
            { [pscustomobject]@{ Uri = $uri; Domain = 'off1'; Disk = '' } }
            { [pscustomobject]@{ Uri = $uri; Domain = 'off1'; Disk = $null } }
            { [pscustomobject]@{ Uri = $uri; Domain = 'off1'; Disk = (Get-Date) } }
            { [pscustomobject]@{ Uri = $uri; Domain = 'off1'; Disk = 'vda'; Name = '' } }
            { [pscustomobject]@{ Uri = $uri; Domain = 'off1'; Disk = 'vda'; Id = $null } }
            { [pscustomobject]@{ Uri = $uri; DomainUuid = 'off1'; Disk = 'vda' } }
            { [pscustomobject]@{ Uri = ''; Domain = 'off1'; Disk = 'vda' } }
            { [pscustomobject]@{ Uri = $null; Name = 'off1' } }
            { [pscustomobject]@{ Uri = $uri; Uuid = 'no-uuid' } }
            { [pscustomobject]@{ Uri = $uri; Id = 5 } }
            { [pscustomobject]@{ Uri = $uri; Group = New-Guid; Name = 'off1' } }
            { [pscustomobject]@{ Uri = $uri; Group = @(1, 2); Name = 'off1' } }
            { Get-VmDisk off1 -Uri $uri | Group-Object Domain }
            { @{ Uri = $uri } }
            { Get-Date }
            { Get-Item / }
            { $null }
            { '' }
            { , @() }
        )
        Get-WhatIf {
            foreach ($thing in $things) {
                $failure = Get-Failure { & $thing | & $command @parameters }
                $failure | ForEach-Object { "$($_.FullyQualifiedErrorId.Split(',')[0]) $($_.CategoryInfo.Category)" } |
                    Should -Be 'InputNotUnderstood InvalidArgument' -Because "$thing"
            }
        } | Should -BeNullOrEmpty
    }

    It '<_> is SnapshotNotFound where the snapshot is gone, and no other is meant' -ForEach 'Get-DiskSnapshot', 'Remove-DiskSnapshot', 'Restore-DiskSnapshot' {
        $command = $_
        $gone = New-DiskSnapshot off1 vda -Name gone -Uri $uri
        $gone | Remove-DiskSnapshot -Confirm:$false
        $before = (Get-VmDomain off1 -Uri $uri).Xml
        $parameters = $command -eq 'Get-DiskSnapshot' ? @{} : @{ Confirm = $false }
        foreach ($way in $ways.Keys) {
            $given = & $ways[$way] $gone
            Get-ErrorId { $given | & $command @parameters } | Should -Be SnapshotNotFound -Because "it went through $way"
        }

        (Get-VmDomain off1 -Uri $uri).Xml | Should -Be $before
    }

    It 'a domain that was selected by properties is the one it was' {
        Get-VmDomain bare1 -Uri $uri | Select-Object Name, Uri | Get-DiskSnapshot | ForEach-Object ToString | Should -Be bare1/vda@s1, bare1/vda@s2
    }

    It 'script blocks say for each object what its domain and its snapshot are' {
        $rows = "Host,Label,Uri`noff1,s2,$uri`nbare1,s1,$uri" | ConvertFrom-Csv
        $parameters = @{ WhatIf = $true }
        $expected = 'bare1/vda@s1', 'off1/vda@s2', 'off1/vdb@s2'
        $rows | Get-DiskSnapshot -Domain { $_.Host } -Name { $_.Label } | ForEach-Object ToString | Sort-Object | Should -Be $expected
        Get-Meant { $rows | Remove-DiskSnapshot -Domain { $_.Host } -Name { $_.Label } @parameters } | Sort-Object | Should -Be $expected
    }

    It 'an overlay without a record is SnapshotNotOurs, also after it has left the process' {
        New-BareDomain other1
        try {
            $null = Invoke-Virsh snapshot-create-as other1 foreign --disk-only --no-metadata
            $unknown = Get-DiskSnapshot other1 -Uri $uri
            $unknown.State | Should -Be Unknown
            foreach ($way in $ways.Keys) {
                $given = & $ways[$way] $unknown
                $given | Get-DiskSnapshot | ForEach-Object ToString | Should -Be other1/vda@ -Because "it went through $way"
                Get-ErrorId { $given | Remove-DiskSnapshot -Confirm:$false } | Should -Be SnapshotNotOurs -Because "it went through $way"
            }
        }
        finally {
            Remove-BareDomain other1
        }
    }
}

Describe 'Commands in a pipeline' {
    AfterEach { Clear-Snapshot }

    It 'a snapshot is ready for the next command as soon as it is written' {
        $backups = 'off1', 'bare1' | New-DiskSnapshot -NoQuiesce -Uri $uri | ForEach-Object {
            $copy = "$lab/$($_.Domain)-$($_.Disk).copy"
            qemu-img convert -U -O qcow2 $_.BackupSource.Path $copy
            $_ | Remove-DiskSnapshot -Confirm:$false
            Get-Item $copy
        }
        $backups.Name | Should -Be off1-vda.copy, off1-vdb.copy, bare1-vda.copy
        Get-DiskSnapshot -Uri $uri | Should -BeNullOrEmpty
    }

    It 'Select-Object -First ends the pipeline between two domains, and never within a set' {
        'bare1', 'off1' | New-DiskSnapshot -NoQuiesce -Uri $uri | Select-Object -First 1 | ForEach-Object { "$($_.Domain)/$($_.Disk)" } | Should -Be bare1/vda
        Get-DiskSnapshot -Uri $uri | ForEach-Object Domain | Should -Be bare1
        Repair-DiskSnapshot -Uri $uri | Should -BeNullOrEmpty
    }
}
