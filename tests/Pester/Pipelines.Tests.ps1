<#
    What an administrator types, against real guests. The module is the one in VIRTSNAPSHOT_TEST_MODULE, else out/VirtSnapshot.
    Starts a libvirtd of its own and two guests: root, and the packages of tests/Lab/install.sh.
#>
BeforeAll {
    $root = (Resolve-Path "$PSScriptRoot/../..").Path
    $module = $env:VIRTSNAPSHOT_TEST_MODULE ? $env:VIRTSNAPSHOT_TEST_MODULE : "$root/out/VirtSnapshot"
    Import-Module $module -Force
    $lab = "/tmp/vs-pester-$PID"
    $oldUri = $env:LIBVIRT_DEFAULT_URI
    $uri = $env:LIBVIRT_DEFAULT_URI = & "$root/tests/Lab/libvirtd.sh" start $lab $PID
    foreach ($name in 'web1', 'web2') {
        & "$root/tests/Lab/domain.sh" $uri $name $lab --disks 2
        if ($LASTEXITCODE) { throw "The guest '$name' did not start." }
    }

    function Get-DiskPath([string] $Domain, [string] $Disk) { (Get-VmDisk $Domain $Disk).Source.Path }
}

AfterAll {
    if ($lab) { & "$root/tests/Lab/libvirtd.sh" stop $lab }
    $env:LIBVIRT_DEFAULT_URI = $oldUri
    if ($lab) { Remove-Item $lab -Recurse -Force -ErrorAction Ignore }
}

Describe 'The module' {
    It 'exports its commands and nothing else' {
        $exported = (Get-Module VirtSnapshot)
        $exported.ExportedCommands.Keys | Sort-Object | Should -Be @(
            'Get-DiskSnapshot', 'Get-DiskSnapshotMethod', 'Get-DiskStorageStack', 'Get-VmDisk', 'Get-VmDomain', 'New-DiskSnapshot',
            'Remove-DiskSnapshot', 'Repair-DiskSnapshot', 'Reset-DiskSnapshotMethod', 'Restore-DiskSnapshot', 'Set-DiskSnapshotMethod')
        $exported.ExportedVariables.Count | Should -Be 0
        $exported.ExportedAliases.Count | Should -Be 0
    }

    It 'has a valid manifest' {
        { Test-ModuleManifest "$module/VirtSnapshot.psd1" -ErrorAction Stop } | Should -Not -Throw
    }

    It 'has help with a synopsis and examples for <_>' -ForEach @(
        'Get-DiskSnapshot', 'Get-DiskSnapshotMethod', 'Get-DiskStorageStack', 'Get-VmDisk', 'Get-VmDomain', 'New-DiskSnapshot',
        'Remove-DiskSnapshot', 'Repair-DiskSnapshot', 'Reset-DiskSnapshotMethod', 'Restore-DiskSnapshot', 'Set-DiskSnapshotMethod') {
        $help = Get-Help $_ -Full
        $help.Synopsis | Should -Match '\.$'
        $help.Examples.Example.Count | Should -BeGreaterThan 0
    }

    It 'can be removed and imported again' {
        Remove-Module VirtSnapshot
        Import-Module $module
        (Get-VmDomain web1).Name | Should -Be web1
    }
}

Describe 'Get-VmDomain and Get-VmDisk' {
    It 'shows a running guest with its agent and its disks' {
        $domain = Get-VmDomain web1
        $domain.State | Should -Be Running
        $domain.GuestAgent | Should -Be Connected
        $domain.Disks.Target | Should -Be vda, vdb
    }

    It 'prints tables' {
        foreach ($command in 'Get-VmDomain', 'Get-VmDisk', 'Get-DiskSnapshotMethod') {
            (& $command | Out-String -Width 120) | Should -Not -Match '(?m)^Domain\s+:'
        }

        "$(Get-VmDomain web1 | Out-String -Width 120)" | Should -Match 'web1\s+Running\s+Connected\s+vda, vdb'
    }

    It 'shows what lies under each disk as a tree, and each method as a row' {
        $shown = Get-DiskStorageStack web* vda | Out-String -Width 200
        $shown | Should -Match '(?m)^web1/vda\r?\n *qcow2 /.*web1-vda.*\n *└─ '
        $shown | Should -Match '(?m)^web2/vda'
        "$(Get-DiskSnapshotMethod web1 vda -All | Out-String -Width 200)" | Should -Match 'web1\s+vda\s+qemu\s+Image\s+True\s+True\s+Taken unless'
    }

    It 'takes the disk from the first position where domains are piped' {
        Get-VmDomain web* | Get-VmDisk vdb | ForEach-Object ToString | Should -Be web1/vdb, web2/vdb
    }
}

Describe 'New-DiskSnapshot' {
    AfterEach { Get-VmDomain | Remove-DiskSnapshot -Name * -Confirm:$false }

    It 'takes one quiesced set of each piped domain' {
        $taken = Get-VmDomain web* | New-DiskSnapshot -QuiesceRequired
        $taken | ForEach-Object { "$($_.Domain)/$($_.Disk) $($_.Consistency) $($_.State)" } | Should -Be @(
            'web1/vda Quiesced Available', 'web1/vdb Quiesced Available', 'web2/vda Quiesced Available', 'web2/vdb Quiesced Available')
        @($taken.Group | Select-Object -Unique).Count | Should -Be 2
        $taken.FreezeWindow | ForEach-Object { $_ | Should -BeGreaterThan ([timespan]::Zero) }
        "$($taken | Out-String -Width 120)" | Should -Match 'web1\s+vda\s+\S+\s+qemu\s+Quiesced\s+Available\s+\d+ ms'
    }

    It 'takes a single piped disk under a name' {
        $taken = Get-VmDomain web1 | Get-VmDisk vdb | New-DiskSnapshot -Name nightly
        $taken.Disk | Should -Be vdb
        $taken.Name | Should -Be nightly
        Get-DiskSnapshot web1 | ForEach-Object ToString | Should -Be web1/vdb@nightly
    }

    It 'gathers disks that come in any order into one set for each domain' {
        $taken = Get-VmDisk web* | Sort-Object Target | New-DiskSnapshot
        ($taken | Group-Object Group | ForEach-Object Count) | Should -Be 2, 2
        $taken | Group-Object Group | ForEach-Object { @($_.Group.Domain | Select-Object -Unique).Count | Should -Be 1 }
    }

    It 'tells the backup source and the modified disk' {
        $base = Get-DiskPath web1 vda
        $s = New-DiskSnapshot web1 -Disk vda
        $s.BackupSource.Path | Should -Be $base
        ([xml] $s.BackupSource.Xml).source.file | Should -Be $base
        $overlay = ([xml] $s.ModifiedDisk.Xml).disk.source.file
        $overlay | Should -Not -Be $base
        Get-DiskPath web1 vda | Should -Be $overlay
    }

    It 'takes a disk as <Kind>' -ForEach @(
        @{ Kind = 'a path'; Disk = { Get-DiskPath web1 vdb } }
        @{ Kind = 'XML'; Disk = { "<disk><target dev='vdb'/></disk>" } }
        @{ Kind = 'parsed XML'; Disk = { [xml] (Get-VmDisk web1 vdb).Xml } }
        @{ Kind = 'an object'; Disk = { Get-VmDisk web1 vdb } }
        @{ Kind = 'a wildcard'; Disk = { '*b' } }
    ) {
        (New-DiskSnapshot web1 -Disk (& $Disk) -Method "<diskSnapshot method='qemu'/>").Disk | Should -Be vdb
    }

    It 'with -WhatIf shows the plan and touches nothing' {
        $before = (Get-VmDomain web1).Xml
        $plan = pwsh -NoProfile -Command "Import-Module '$module'; New-DiskSnapshot web1 -Name planned -WhatIf" | Out-String
        $plan | Should -Match 'web1/vda: qemu at level image .*Quiesced, \S+\.planned\.qcow2'
        $plan | Should -Match 'web1/vdb'
        (Get-VmDomain web1).Xml | Should -Be $before
        Get-DiskSnapshot web1 | Should -BeNullOrEmpty
    }

    It 'goes on with the next domain when one fails' {
        $null = New-DiskSnapshot web1 -Name twice
        $taken = 'web1', 'nobody', 'web2' | New-DiskSnapshot -Name twice -ErrorAction SilentlyContinue -ErrorVariable failures
        $taken.Domain | Should -Be web2, web2
        $failures.FullyQualifiedErrorId | ForEach-Object { $_.Split(',')[0] } | Sort-Object | Should -Be DomainNotFound, SnapshotExists
    }

    It 'runs side by side in several runspaces' {
        $names = 'web1', 'web2' | ForEach-Object -Parallel {
            Import-Module $using:module
            $null = New-DiskSnapshot $_ -Name parallel
            Get-DiskSnapshot $_ -Name parallel | ForEach-Object ToString
        } | Sort-Object
        $names | Should -Be web1/vda@parallel, web1/vdb@parallel, web2/vda@parallel, web2/vdb@parallel
    }
}

Describe 'Get-DiskSnapshot and Remove-DiskSnapshot' {
    AfterEach { Get-VmDomain | Remove-DiskSnapshot -Name * -Confirm:$false }

    It 'finds snapshots by name, wildcard and disk' {
        $null = New-DiskSnapshot web1 -Name one
        $null = New-DiskSnapshot web1 -Name two -Disk vda
        Get-DiskSnapshot web1 -Name t* | ForEach-Object ToString | Should -Be web1/vda@two
        Get-VmDomain web* | Get-DiskSnapshot vdb | ForEach-Object ToString | Should -Be web1/vdb@one
        Get-VmDisk web1 vda | Get-DiskSnapshot | ForEach-Object Name | Should -Be one, two
        { Get-DiskSnapshot web1 -Name three -ErrorAction Stop } | Should -Throw -ErrorId 'SnapshotNotFound,*'
    }

    It 'removes what is piped in and puts the disks back' {
        $before = Get-DiskPath web1 vda
        $s = New-DiskSnapshot web1
        $overlay = Get-DiskPath web1 vda
        $s | Remove-DiskSnapshot -Confirm:$false | Should -BeNullOrEmpty
        Get-DiskPath web1 vda | Should -Be $before
        Test-Path $overlay | Should -BeFalse
        Get-DiskSnapshot web1 | Should -BeNullOrEmpty
    }

    It 'removes several snapshots of a disk, <Way>' -ForEach @(
        @{ Way = 'as objects'; Remove = { Get-DiskSnapshot web1 | Remove-DiskSnapshot -Confirm:$false } }
        @{ Way = 'by name'; Remove = { Remove-DiskSnapshot web1 -Name s? -Confirm:$false } }
        @{ Way = 'by properties'; Remove = { Get-DiskSnapshot web1 | Select-Object Domain, Disk, Name, Uri | Remove-DiskSnapshot -Confirm:$false } }
        @{ Way = 'throttled'; Remove = { Remove-DiskSnapshot web1 -Name s? -Bandwidth 50MB -Timeout 60 -Confirm:$false } }
    ) {
        $before = Get-DiskPath web1 vda
        's1', 's2' | ForEach-Object { $null = New-DiskSnapshot web1 -Disk vda -Name $_ }
        & $Remove
        Get-DiskSnapshot web1 | Should -BeNullOrEmpty
        Get-DiskPath web1 vda | Should -Be $before
    }

    It 'with -WhatIf removes nothing' {
        $null = New-DiskSnapshot web1 -Name kept
        Get-DiskSnapshot web1 | Remove-DiskSnapshot -WhatIf
        @(Get-DiskSnapshot web1).Count | Should -Be 2
    }

    It 'removing it twice is an error' {
        $s = New-DiskSnapshot web1 -Disk vda
        $s | Remove-DiskSnapshot -Confirm:$false
        { $s | Remove-DiskSnapshot -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'SnapshotNotFound,*'
    }

    It 'leads from a snapshot to its domain and disk' {
        $s = New-DiskSnapshot web2 -Disk vdb
        ($s | Get-VmDomain).Name | Should -Be web2
        ($s | Get-VmDisk).ToString() | Should -Be web2/vdb
        ($s | Get-DiskSnapshot).Name | Should -Be $s.Name
    }

    It 'stopped in the middle leaves a domain that works and a removal that can be done again' {
        $null = New-DiskSnapshot web1 -Disk vda -Name slow
        & "$root/tests/Lab/in-guest.sh" $uri web1 /bin/busybox dd if=/dev/urandom of=/mnt/vda/big bs=1048576 count=4
        & "$root/tests/Lab/in-guest.sh" $uri web1 /bin/busybox sync
        $shell = [powershell]::Create()
        $null = $shell.AddScript("Import-Module '$module'; Remove-DiskSnapshot web1 -Name slow -Bandwidth 100KB -Confirm:`$false")
        $null = $shell.BeginInvoke()
        $patience = (Get-Date).AddSeconds(30)
        while ((Get-DiskSnapshot web1).State -ne 'Removing' -and (Get-Date) -lt $patience) { Start-Sleep -Milliseconds 100 }
        $shell.Stop()
        $shell.Dispose()
        (Get-DiskSnapshot web1).State | Should -Be Removing
        Get-DiskPath web1 vda | Should -BeLike '*.slow.qcow2'
        Get-DiskSnapshot web1 | Remove-DiskSnapshot -Confirm:$false
        Get-DiskSnapshot web1 | Should -BeNullOrEmpty
    }
}

Describe 'Objects that have left the process' {
    BeforeAll {
        $null = New-DiskSnapshot web1 -Name s1
        $null = New-DiskSnapshot web1 -Name s2
        $null = New-DiskSnapshot web2 -Name s1

        # Whoever forgets the object's Uri finds domains of the same names here.
        $elsewhere = "$lab/elsewhere.xml"
        $domains = 'web1', 'web2' | ForEach-Object {
            "<domain type='test'><name>$_</name><uuid>$((Get-VmDomain $_).Uuid)</uuid><memory>8192</memory><os><type>hvm</type></os><devices>" +
            "<disk type='file'><source file='/images/$_-vda.qcow2'/><target dev='vda' bus='virtio'/></disk></devices></domain>"
        }
        Set-Content $elsewhere "<node>$domains</node>"
        $env:LIBVIRT_DEFAULT_URI = "test://$elsewhere"

        function Get-Given([string] $Kind) {
            switch ($Kind) {
                domain { Get-VmDomain web1 -Uri $uri }
                disk { Get-VmDisk web1 vda -Uri $uri }
                snapshot { Get-DiskSnapshot web1 vda -Name s1 -Uri $uri }
                setting { Get-DiskSnapshotMethod web1 vda -Uri $uri }
                option { @(Get-DiskSnapshotMethod web1 vda -All -Uri $uri)[0] }
                stack { Get-DiskStorageStack web1 vda -Uri $uri }
            }
        }
    }

    AfterAll {
        $env:LIBVIRT_DEFAULT_URI = $uri
        Get-VmDomain | Remove-DiskSnapshot -Name * -Confirm:$false
    }

    Context 'through <Way>' -ForEach @(
        $all = 'domain', 'disk', 'snapshot', 'setting', 'option', 'stack'
        @{ Way = 'Clixml'; Kinds = $all; Through = { param($given) Export-Clixml "$lab/given.xml" -InputObject $given; Import-Clixml "$lab/given.xml" } }
        @{ Way = 'JSON'; Kinds = $all; Through = { param($given) $given | ConvertTo-Json -WarningAction Ignore | ConvertFrom-Json } }
        @{ Way = 'a hashtable of JSON'; Kinds = $all; Through = { param($given) $given | ConvertTo-Json -WA Ignore | ConvertFrom-Json -AsHashtable } }
        @{ Way = 'CSV'; Kinds = $all; Through = { param($given) $given | ConvertTo-Csv | ConvertFrom-Csv } }
        @{ Way = 'a job'; Kinds = 'domain', 'snapshot'; Through = { param($given) Start-Job { $input } -InputObject $given | Receive-Job -Wait } }
    ) {
        It 'a <_> means the same disks' -ForEach $Kinds {
            $given = & $Through (Get-Given $_)
            $disks = $_ -eq 'domain' ? @('web1/vda', 'web1/vdb') : @('web1/vda')
            ($given | Get-VmDomain).Uri | Should -Be $uri
            $given | Get-VmDisk | ForEach-Object { "$_ $($_.Uri)" } | Should -Be ($disks | ForEach-Object { "$_ $uri" })
            $given | Get-DiskSnapshotMethod | ForEach-Object { "$($_.Domain)/$($_.Disk)" } | Should -Be $disks
            if ($_ -eq 'snapshot') { $given | Get-DiskSnapshot | ForEach-Object ToString | Should -Be web1/vda@s1 }
        }

        It 'a snapshot is removed, and no other' {
            $snapshot = New-DiskSnapshot web2 -Disk vdb -Name removed -Uri $uri
            $given = & $Through $snapshot
            $given | Remove-DiskSnapshot -Confirm:$false
            Get-DiskSnapshot web2 -Uri $uri | ForEach-Object ToString | Should -Be web2/vda@s1, web2/vdb@s1
            { $given | Remove-DiskSnapshot -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'SnapshotNotFound,*'
            { $given | Get-DiskSnapshot -ErrorAction Stop } | Should -Throw -ErrorId 'SnapshotNotFound,*'
        }
    }

    It 'a domain that was selected by properties is the one it was' {
        Get-VmDomain web2 -Uri $uri | Select-Object Name, Uri | Get-DiskSnapshot | ForEach-Object ToString | Should -Be web2/vda@s1, web2/vdb@s1
    }

    It '<_> refuses what is not understood, and never takes it for all' -ForEach @(
        'Get-VmDomain', 'Get-VmDisk', 'Get-DiskSnapshot', 'Get-DiskSnapshotMethod', 'Get-DiskStorageStack', 'New-DiskSnapshot -WhatIf',
        'Remove-DiskSnapshot -Name * -WhatIf', 'Restore-DiskSnapshot -Name * -WhatIf', 'Repair-DiskSnapshot -WhatIf',
        'Reset-DiskSnapshotMethod -WhatIf', 'Set-DiskSnapshotMethod -Method qemu -WhatIf') {
        $groups = Get-VmDisk web1 -Uri $uri | Group-Object Domain
        foreach ($given in [pscustomobject]@{ Uri = $uri }, [pscustomobject]@{ Uri = $uri; Disk = 'vda' }, (Get-Date), $groups) {
            $written = $given | & ([scriptblock]::Create("`$input | $_ -ErrorAction SilentlyContinue -ErrorVariable failures; `$failures"))
            $written.FullyQualifiedErrorId | Should -BeLike 'InputNotUnderstood,*'
        }
    }
}

Describe 'Restore-DiskSnapshot' {
    BeforeAll {
        & "$root/tests/Lab/domain.sh" $uri web3 $lab --disks 2 --define-only
        if ($LASTEXITCODE) { throw 'The domain web3 could not be made.' }

        function Set-Disk([string] $Domain, [int] $Pattern) {
            foreach ($disk in Get-VmDisk $Domain) { qemu-io -f qcow2 -c "write -P $Pattern 48M 64k" $disk.Source.Path > $null }
        }

        function Test-Disk([string] $Domain, [string] $Disk, [int] $Pattern) {
            qemu-io -r -f qcow2 -c "read -P $Pattern 48M 64k" (Get-DiskPath $Domain $Disk) 2>&1 | Out-String | Should -Not -Match 'verification failed|error'
        }
    }

    BeforeEach {
        foreach ($number in 1..3) {
            Set-Disk web3 $number
            $null = New-DiskSnapshot web3 -Name "s$number"
        }

        Set-Disk web3 4
    }

    AfterEach { Remove-DiskSnapshot web3 -Name * -Confirm:$false }

    AfterAll { virsh -q -c $uri undefine web3 }

    It 'brings all disks of the set back, <Way>' -ForEach @(
        @{ Way = 'by name'; Restore = { Restore-DiskSnapshot web3 -Name s2 -Confirm:$false } }
        @{ Way = 'as objects'; Restore = { Get-DiskSnapshot web3 -Name s2 | Restore-DiskSnapshot -Confirm:$false } }
        @{ Way = 'by properties'; Restore = { Get-DiskSnapshot web3 -Name s2 | Select-Object Domain, Disk, Name, Uri | Restore-DiskSnapshot -Confirm:$false } }
    ) {
        & $Restore | Should -BeNullOrEmpty
        Get-DiskSnapshot web3 vda | ForEach-Object Name | Should -Be s1, s2
        'vda', 'vdb' | ForEach-Object { Test-Disk web3 $_ 2 }
    }

    It 'writes the snapshots as they are now when asked to' {
        $restored = Restore-DiskSnapshot web3 -Name s1 -Confirm:$false -PassThru
        $restored | ForEach-Object ToString | Should -Be web3/vda@s1, web3/vdb@s1
        $restored.ModifiedDisk.Source.Path | Should -Be (Get-DiskPath web3 vda), (Get-DiskPath web3 vdb)
    }

    It 'with -WhatIf names what would be lost and touches nothing' {
        $before = (Get-VmDomain web3).Xml
        $plan = pwsh -NoProfile -Command "Import-Module '$module'; Restore-DiskSnapshot web3 -Name s1 -WhatIf" | Out-String
        $plan | Should -Match "snapshot 's1'"
        $plan | Should -Match "web3/vda .*LOST: its newer snapshots 's3', 's2'"
        $plan | Should -Match 'web3/vdb'
        (Get-VmDomain web3).Xml | Should -Be $before
    }

    It 'restores one disk with a warning' {
        Restore-DiskSnapshot web3 -Disk vdb -Name s3 -Confirm:$false -WarningVariable warnings -WarningAction SilentlyContinue
        $warnings | Should -Match 'only vdb is restored'
        Test-Disk web3 vda 4
        Test-Disk web3 vdb 3
    }

    It 'refuses several sets at once, and a running domain' {
        { Get-DiskSnapshot web3 | Restore-DiskSnapshot -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'SeveralSets,*'
        try {
            $null = New-DiskSnapshot web1 -Name running
            { Restore-DiskSnapshot web1 -Name running -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'DomainRunning,*'
        }
        finally {
            Remove-DiskSnapshot web1 -Name running -Confirm:$false
        }
    }
}

Describe 'Methods of disks' {
    AfterEach { Reset-DiskSnapshotMethod web1, web2 }

    It 'are configured, shown in the XML, and reset' {
        Set-DiskSnapshotMethod web1 -Disk vda -Method qemu | Should -BeNullOrEmpty
        $setting = Get-VmDomain | Get-DiskSnapshotMethod | Where-Object IsDefault -EQ $false
        "$($setting.Domain)/$($setting.Disk) $($setting.Method)" | Should -Be 'web1/vda qemu'
        ([xml] (Get-VmDisk web1 vda).Xml).disk.diskSnapshot.method | Should -Be qemu
        (Get-VmDisk web1 vda | Reset-DiskSnapshotMethod -PassThru).IsDefault | Should -BeTrue
    }

    It 'are configured by the pipeline' {
        (Get-VmDomain web* | Set-DiskSnapshotMethod vdb -Method "<diskSnapshot method='qemu'/>" -PassThru).Domain | Should -Be web1, web2
        Get-DiskSnapshotMethod web* vdb | Reset-DiskSnapshotMethod
        (Get-DiskSnapshotMethod).IsDefault | Should -Not -Contain $false
    }

    It 'with -WhatIf stay as they are' {
        Set-DiskSnapshotMethod web1 -Disk vda -Method qemu -WhatIf
        (Get-DiskSnapshotMethod web1 vda).IsDefault | Should -BeTrue
    }

    It 'that do not exist are refused' {
        { Set-DiskSnapshotMethod web1 -Disk vda -Method nosuch -ErrorAction Stop } | Should -Throw -ErrorId 'MethodUnknown,*'
    }
}

Describe 'Repair-DiskSnapshot' {
    It 'passes over domains that need none' {
        Repair-DiskSnapshot | Should -BeNullOrEmpty
        Get-VmDomain | Repair-DiskSnapshot | Should -BeNullOrEmpty
    }

    It 'finishes a removal whose process was killed' {
        $null = New-DiskSnapshot web2 -Disk vda -Name killed
        $victim = Start-Process pwsh -PassThru -ArgumentList '-NoProfile', '-Command', "Import-Module '$module'; Remove-DiskSnapshot web2 -Name killed -Bandwidth 1MB -Confirm:`$false"
        $patience = (Get-Date).AddSeconds(60)
        while ((Get-DiskSnapshot web2).State -eq 'Available' -and (Get-Date) -lt $patience) { Start-Sleep -Milliseconds 50 }
        $victim.Kill()
        $victim.WaitForExit()
        if (Get-DiskSnapshot web2) {
            (Get-DiskSnapshot web2).State | Should -Be Removing
            Repair-DiskSnapshot web2 -WhatIf | Should -BeNullOrEmpty
            (Repair-DiskSnapshot web2).Action | Should -Be Finished
        }

        Get-DiskSnapshot web2 | Should -BeNullOrEmpty
    }
}
