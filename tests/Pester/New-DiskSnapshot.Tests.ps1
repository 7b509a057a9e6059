BeforeAll {
    . "$PSScriptRoot/Lab.ps1"
    $node = New-TestNode 'web1:vda,vdb' 'web2:vda'
}

AfterAll { Exit-Lab }

Describe 'New-DiskSnapshot' {
    AfterEach { Clear-Snapshot }

    It 'takes one quiesced set of each piped domain' {
        $taken = Get-VmDomain web* | New-DiskSnapshot -QuiesceRequired
        $taken | ForEach-Object { "$($_.Domain)/$($_.Disk) $($_.Consistency) $($_.State)" } | Should -Be @(
            'web1/vda Quiesced Available', 'web1/vdb Quiesced Available', 'web2/vda Quiesced Available', 'web2/vdb Quiesced Available')
        @($taken.Group | Select-Object -Unique) | Should -HaveCount 2
        foreach ($snapshot in $taken) {
            $snapshot.FreezeWindow.TotalSeconds | Should -BeGreaterThan 0 -Because 'the guest was frozen'
            $snapshot.FreezeWindow.TotalSeconds | Should -BeLessThan 30
        }

        $shown = $taken | Out-String -Width 160
        $shown | Should -Match 'Domain +Disk +Name +Method +Consistency +State +Frozen +BackupSource'
        $shown | Should -Match 'web1 +vda +\S+ +qemu +Quiesced +Available +\d+ ms'
    }

    It 'takes the disk <Way>' -ForEach @(
        @{ Way = 'by position'; Do = { New-DiskSnapshot off1 vdb } }
        @{ Way = 'by -Disk'; Do = { New-DiskSnapshot -Domain off1 -Disk vdb } }
        @{ Way = 'by the alias -Target'; Do = { New-DiskSnapshot off1 -Target vdb } }
        @{ Way = 'as a path'; Do = { New-DiskSnapshot off1 -Disk (Get-DiskPath off1 vdb) } }
        @{ Way = 'as XML'; Do = { New-DiskSnapshot off1 -Disk (Get-VmDisk off1 vdb).Xml } }
        @{ Way = 'as parsed XML'; Do = { New-DiskSnapshot off1 -Disk ([xml] (Get-VmDisk off1 vdb).Xml) } }
        @{ Way = 'as an object'; Do = { New-DiskSnapshot off1 -Disk (Get-VmDisk off1 vdb) } }
        @{ Way = 'as a wildcard'; Do = { New-DiskSnapshot off1 -Disk *b } }
        @{ Way = 'from the pipeline'; Do = { Get-VmDisk off1 vdb | New-DiskSnapshot } }
        @{ Way = 'beside a piped domain'; Do = { Get-VmDomain off1 | New-DiskSnapshot vdb } }
        @{ Way = 'beside a piped name'; Do = { 'off1' | New-DiskSnapshot -Disk vdb } }
        @{ Way = 'by properties'; Do = { [pscustomobject]@{ Domain = 'off1'; Disk = 'vdb'; Uri = $uri } | New-DiskSnapshot } }
        @{ Way = 'of a row of CSV'; Do = { "Domain,Disk`noff1,vdb" | ConvertFrom-Csv | New-DiskSnapshot } }
        @{ Way = 'by script blocks'; Do = { [pscustomobject]@{ Host = 'off1'; Volume = 'vdb' } | New-DiskSnapshot -Domain { $_.Host } -Disk { $_.Volume } } }
        @{ Way = 'of a deserialized object'; Do = { Get-Deserialized (Get-VmDisk off1 vdb) | New-DiskSnapshot } }
    ) {
        & $Do | ForEach-Object { "$($_.Domain)/$($_.Disk) $($_.Method) $($_.Consistency)" } | Should -Be 'off1/vdb qemu Offline'
    }

    It 'takes the method <Way>' -ForEach @(
        @{ Way = 'by name'; Method = 'qemu' }
        @{ Way = 'as XML'; Method = "<diskSnapshot method='qemu'/>" }
        @{ Way = 'as parsed XML'; Method = [xml] "<diskSnapshot method='qemu'/>" }
    ) {
        (New-DiskSnapshot bare1 -Method $Method -NoQuiesce).Method | Should -Be qemu
    }

    It 'uses the method of the given <disk> element' {
        (New-DiskSnapshot off1 -Disk "<disk><target dev='vda'/><diskSnapshot method='qemu-internal'/></disk>").Method | Should -Be qemu-internal
    }

    It 'takes a snapshot inside the image of a shut-off domain' {
        $snapshot = New-DiskSnapshot off1 vda -Method qemu-internal -Name inner
        $snapshot.ModifiedDisk | Should -BeNullOrEmpty
        $snapshot.BackupSource.Path | Should -Be (Get-DiskPath off1)
        $snapshot.BackupSource.Snapshot | Should -BeLike '*inner*'
    }

    It 'gathers disks that come in any order into one set for each domain' {
        $taken = Get-VmDisk off1, bare1 | Sort-Object Target, Domain | New-DiskSnapshot -NoQuiesce
        $taken | ForEach-Object { "$($_.Domain)/$($_.Disk)" } | Sort-Object | Should -Be bare1/vda, off1/vda, off1/vdb
        $taken | Group-Object Domain | ForEach-Object { @($_.Group.Group | Select-Object -Unique) | Should -HaveCount 1 }
    }

    It 'tells the backup source and the modified disk' {
        $base = Get-DiskPath bare1
        $snapshot = New-DiskSnapshot bare1 -Name nightly -NoQuiesce
        $snapshot.Name | Should -Be nightly
        $snapshot.ToString() | Should -Be bare1/vda@nightly
        $snapshot.BackupSource.Path | Should -Be $base
        ([xml] $snapshot.BackupSource.Xml).source.file | Should -Be $base
        $modified = ([xml] $snapshot.ModifiedDisk.Xml).disk
        $modified.source.file | Should -BeLike '*/bare1-vda.nightly.qcow2'
        $modified.diskSnapshot.method | Should -Be qemu
        Get-DiskPath bare1 | Should -Be $modified.source.file
    }

    It 'puts overlays into -OverlayDirectory' {
        $folder = (New-Item "$lab/images/overlays" -ItemType Directory -Force).FullName
        (New-DiskSnapshot off1 vda -OverlayDirectory $folder).ModifiedDisk.Source.Path | Should -BeLike "$folder/off1-vda.*.qcow2"
    }

    It 'a guest that cannot be frozen is snapshotted with a warning, and without one where -NoQuiesce says so' {
        (New-DiskSnapshot bare1 -Name one -WarningVariable warnings -WarningAction SilentlyContinue).Consistency | Should -Be CrashConsistent
        $warnings | Should -BeLike '*crash-consistent: the domain has no channel for a guest agent*'
        (New-DiskSnapshot bare1 -Name two -NoQuiesce -WarningVariable warnings -WarningAction SilentlyContinue).Consistency | Should -Be CrashConsistent
        $warnings | Should -BeNullOrEmpty
    }

    It 'a paused domain is Paused' {
        Invoke-Virsh suspend bare1
        try { (New-DiskSnapshot bare1 -NoQuiesce).Consistency | Should -Be Paused }
        finally { Invoke-Virsh resume bare1 }
    }

    It 'freezes only the mount point given' {
        (New-DiskSnapshot web1 vdb -MountPoint /mnt/vdb -QuiesceRequired -FreezeTimeout 00:00:30).Consistency | Should -Be Quiesced
    }

    It 'with -WhatIf shows the plan and touches nothing' {
        $before = (Get-VmDomain web1).Xml
        $plan = Get-WhatIf { New-DiskSnapshot web1 -Name planned -WhatIf }
        $plan | Should -HaveCount 1
        $plan | Should -Match "^Snapshot 'planned' of domain 'web1', one atomic set:"
        $plan | Should -Match 'web1/vda: qemu at level image .*Quiesced, \S+\.planned\.qcow2'
        $plan | Should -Match 'web1/vdb: '
        (Get-VmDomain web1).Xml | Should -Be $before
        Get-ChildItem "$lab/images" -Filter *planned* | Should -BeNullOrEmpty
    }

    It 'takes -FreezeTimeout <Given> as <Seconds> seconds' -ForEach @(
        @{ Given = '45'; Seconds = 45 }
        @{ Given = 45; Seconds = 45 }
        @{ Given = 0.5; Seconds = 0.5 }
        @{ Given = '00:01:30'; Seconds = 90 }
        @{ Given = [timespan]::FromSeconds(7); Seconds = 7 }
    ) {
        $attributes = (Get-Command New-DiskSnapshot).Parameters['FreezeTimeout'].Attributes
        $attribute = $attributes.Where{ $_ -is [Management.Automation.ArgumentTransformationAttribute] }[0]
        $attribute.Transform($null, $Given) | Should -Be ([timespan]::FromSeconds($Seconds))
    }

    It 'goes on with the next domain when one fails' {
        $null = New-DiskSnapshot off1 -Name twice
        $taken = 'off1', 'missing', 'bare1' | New-DiskSnapshot -Name twice -NoQuiesce -ErrorAction SilentlyContinue -ErrorVariable failures
        $taken | ForEach-Object ToString | Should -Be bare1/vda@twice
        $failures.FullyQualifiedErrorId | ForEach-Object { $_.Split(',')[0] } | Sort-Object | Should -Be DomainNotFound, SnapshotExists
    }

    It '-QuiesceRequired snapshots the guests that can be frozen, and no others' {
        $taken = 'web1', 'bare1' | New-DiskSnapshot -QuiesceRequired -ErrorAction SilentlyContinue -ErrorVariable failures
        $taken | ForEach-Object { "$($_.Domain)/$($_.Disk)" } | Should -Be web1/vda, web1/vdb
        $failures.FullyQualifiedErrorId | Should -BeLike 'GuestAgentUnavailable,*'
        $failures.CategoryInfo.Category | Should -Be ResourceUnavailable
        $failures.TargetObject.Name | Should -Be bare1
        Get-DiskSnapshot bare1 | Should -BeNullOrEmpty
    }

    It '-WarningAction Stop ends the command after the domain is as it was or snapshotted, never in between' {
        Get-ErrorId { $null = New-DiskSnapshot bare1 -Name loud -WarningAction Stop } | Should -Be ActionPreferenceStop
        Get-VmDomain bare1 | Repair-DiskSnapshot | Should -BeNullOrEmpty
        Get-DiskPath bare1 | Should -Be ((Get-DiskSnapshot bare1) ? "$lab/images/bare1-vda.loud.qcow2" : "$lab/images/bare1-vda.qcow2")
    }

    It 'runs side by side in several runspaces' {
        $names = 'off1', 'bare1' | ForEach-Object -Parallel {
            Import-Module $using:module
            $null = New-DiskSnapshot $_ -Name parallel -NoQuiesce
            Get-DiskSnapshot $_ -Name parallel | ForEach-Object ToString
        } | Sort-Object
        $names | Should -Be bare1/vda@parallel, off1/vda@parallel, off1/vdb@parallel
    }

    It 'does nothing where the pipeline is empty' {
        Get-VmDomain z* | New-DiskSnapshot | Should -BeNullOrEmpty
    }

    It 'completes <Line>' -ForEach @(
        @{ Line = 'New-DiskSnapshot -Q'; Expected = '-QuiesceRequired' }
        @{ Line = 'New-DiskSnapshot -Over'; Expected = '-OverlayDirectory' }
        @{ Line = 'New-DiskSnapshot | ForEach-Object Backup'; Expected = 'BackupSource' }
    ) {
        Get-Completion $Line | Should -Contain $Expected
    }

    It 'fails with <Id>: <Do>' -ForEach @(
        @{ Id = 'DomainNeeded'; Do = { New-DiskSnapshot } }
        @{ Id = 'DomainNotFound'; Do = { New-DiskSnapshot missing } }
        @{ Id = 'DomainGivenTwice'; Do = { Get-VmDomain off1 | New-DiskSnapshot bare1 vda } }
        @{ Id = 'DiskGivenTwice'; Do = { Get-VmDisk off1 vda | New-DiskSnapshot -Disk vdb } }
        @{ Id = 'DiskNotFound'; Do = { New-DiskSnapshot off1 vdz } }
        @{ Id = 'DiskDiffers'; Do = { New-DiskSnapshot off1 "<disk type='file'><source file='/other'/><target dev='vda'/></disk>" } }
        @{ Id = 'InputNotUnderstood'; Do = { New-DiskSnapshot off1 @() -WhatIf } }
        @{ Id = 'InvalidXml'; Do = { New-DiskSnapshot off1 '<disk' } }
        @{ Id = 'InvalidXml'; Do = { New-DiskSnapshot off1 -Method '<diskSnapshot' } }
        @{ Id = 'InvalidMethod'; Do = { New-DiskSnapshot off1 -Method 'No Name' } }
        @{ Id = 'InvalidSnapshotName'; Do = { New-DiskSnapshot off1 -Name ../x } }
        @{ Id = 'MethodUnknown'; Do = { New-DiskSnapshot off1 -Method sorcery } }
        @{ Id = 'MethodUnsuitable'; Do = { New-DiskSnapshot off1 -Method zfs } }
        @{ Id = 'MethodUnsuitable'; Do = { New-DiskSnapshot web1 -Method qemu -Uri $node } }
        @{ Id = 'NoMethod'; Do = { New-DiskSnapshot web1 -Uri $node } }
        @{ Id = 'NoMethod', 'NoMethod'; Do = { Get-VmDomain -Uri $node | New-DiskSnapshot } }
        @{ Id = 'DomainRunning'; Do = { New-DiskSnapshot bare1 -Method qemu-internal -NoQuiesce } }
        @{ Id = 'QuiesceConflict'; Do = { New-DiskSnapshot off1 -QuiesceRequired -NoQuiesce } }
        @{ Id = 'QuiesceConflict'; Do = { New-DiskSnapshot off1 -NoQuiesce -MountPoint / } }
        @{ Id = 'ShieldConflict'; Do = { New-DiskSnapshot off1 -Shield -NoShield } }
        @{ Id = 'GuestAgentUnavailable'; Do = { New-DiskSnapshot bare1 -QuiesceRequired } }
        @{ Id = 'MountPointNotFound'; Do = { New-DiskSnapshot web1 -MountPoint /nowhere -QuiesceRequired } }
        @{ Id = 'OverlayDirectoryNotFound'; Do = { New-DiskSnapshot off1 -OverlayDirectory /nowhere } }
        @{ Id = 'OverlayDirectoryNotAbsolute'; Do = { New-DiskSnapshot off1 -OverlayDirectory relative } }
        @{ Id = 'LibvirtUnreachable'; Do = { New-DiskSnapshot off1 -Uri 'qemu:///system?socket=/nowhere' } }
        @{ Id = 'ParameterArgumentTransformationError'; Do = { New-DiskSnapshot off1 -FreezeTimeout 0 } }
        @{ Id = 'ParameterArgumentTransformationError'; Do = { New-DiskSnapshot off1 -FreezeTimeout (-1) } }
        @{ Id = 'ParameterArgumentTransformationError'; Do = { New-DiskSnapshot off1 -FreezeTimeout 1e300 } }
        @{ Id = 'ParameterArgumentTransformationError'; Do = { New-DiskSnapshot off1 -FreezeTimeout soon } }
        @{ Id = 'ParameterArgumentValidationError'; Do = { New-DiskSnapshot off1 -Name '' } }
    ) {
        Get-ErrorId $Do | Should -Be $Id
        Get-DiskSnapshot | Should -BeNullOrEmpty
    }

    It 'fails with <Id> where <Where>' -ForEach @(
        @{ Id = 'SnapshotExists'; Where = 'the name is taken'; Before = { $null = New-DiskSnapshot off1 -Name taken } }
        @{ Id = 'OverlayExists'; Where = 'there is a file already'; Before = { Set-Content "$lab/images/off1-vdb.taken.qcow2" mine }
            After = { Get-Content "$lab/images/off1-vdb.taken.qcow2" | Should -Be mine; Remove-Item "$lab/images/off1-vdb.taken.qcow2" } }
        @{ Id = 'SourceMissing'; Where = 'an image is gone'; Before = { Move-Item "$lab/images/off1-vdb.qcow2" "$lab/away" }
            After = { Move-Item "$lab/away" "$lab/images/off1-vdb.qcow2" } }
        @{ Id = 'JournalDamaged'; Where = 'the journal cannot be read'
            Before = { Invoke-Virsh metadata off1 urn:virtsnapshot:1:journal --key journal --set '<journal/>' --config }
            After = { Invoke-Virsh metadata off1 urn:virtsnapshot:1:journal --remove --config } }
        @{ Id = 'ManagedSave'; Where = 'the memory is saved'; Before = { Invoke-Virsh start off1; Invoke-Virsh managedsave off1 }
            After = { 'managedsave-remove', 'start', 'destroy' | ForEach-Object { Invoke-Virsh $_ off1 } } }
        @{ Id = 'DomainLocked'; Where = 'another process works on the domain'
            Before = {
                New-DiskSnapshot off1 | Remove-DiskSnapshot -Confirm:$false
                $lock = "/run/virtsnapshot/domain-$((Get-VmDomain off1).Uuid).lock"
                $holder = Start-Process flock $lock, sleep, 120 -PassThru
                Wait-Until { flock --nonblock $lock true; $LASTEXITCODE -eq 1 }
            }
            After = { $holder.Kill($true); $holder.WaitForExit() } }
    ) {
        $After ??= {}
        . $Before
        try {
            Get-ErrorId { New-DiskSnapshot off1 -Name taken } | Should -Be $Id
        }
        finally {
            . $After
        }
    }

    It 'fails with <Id> on a running domain where <Where>' -ForEach @(
        @{ Id = 'GuestPaused'; Where = 'it is paused'; Options = @{ QuiesceRequired = $true }
            Before = { Invoke-Virsh suspend bare1 }; After = { Invoke-Virsh resume bare1 } }
        @{ Id = 'BlockJobRunning'; Where = 'a block job runs'
            Before = { $null = Invoke-Virsh blockcopy bare1 vda "$lab/images/bare1-copy" --transient-job --format qcow2 }
            After = { Invoke-Virsh blockjob bare1 vda --abort; Remove-Item "$lab/images/bare1-copy" -Force } }
        @{ Id = 'DefinitionsDiffer'; Where = 'its stored definition has another name for the image'
            Before = {
                $stored = "$lab/bare1-stored.xml"
                Invoke-Virsh dumpxml bare1 --inactive | Set-Content $stored
                $null = New-Item "$lab/images/alias.qcow2" -ItemType SymbolicLink -Target "$lab/images/bare1-vda.qcow2"
                Set-Content "$lab/alias.xml" ((Get-Content $stored -Raw) -replace 'bare1-vda', 'alias')
                $null = Invoke-Virsh define "$lab/alias.xml"
            }
            After = { $null = Invoke-Virsh define $stored; Remove-Item "$lab/images/alias.qcow2" } }
        @{ Id = 'DomainJobRunning'; Where = 'a backup job runs'
            Before = {
                # QEMU makes the socket, as a user of its own.
                $folder = New-Item "$lab/images/backup" -ItemType Directory -Force
                chmod 777 $folder
                Set-Content "$lab/backup.xml" "<domainbackup mode='pull'><server transport='unix' socket='$folder/socket'/></domainbackup>"
                $null = Invoke-Virsh backup-begin bare1 "$lab/backup.xml"
            }
            After = { Invoke-Virsh domjobabort bare1; Wait-Until { "$(Invoke-Virsh domjobinfo bare1)" -match 'None' } } }
        @{ Id = 'GuestAlreadyFrozen'; Where = 'another program has frozen the guest'; Domain = 'web2'; Before = { $null = Invoke-Virsh domfsfreeze web2 }
            After = { $null = Invoke-Virsh domfsthaw web2 }; Options = @{ QuiesceRequired = $true } }
    ) {
        $Options ??= @{}
        $name = $Domain ?? 'bare1'
        . $Before
        try {
            Get-ErrorId { New-DiskSnapshot $name @Options -WarningAction SilentlyContinue } | Should -Be $Id
        }
        finally {
            . $After
        }
    }

    Context 'of a domain with other disks' {
        BeforeAll {
            $null = New-Item "$lab/images/block.raw"
            truncate --size 8M "$lab/images/block.raw"
            $loop = losetup --find --show "$lab/images/block.raw"
            New-BareDomain odd1 vda -OtherDevices ("<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>" +
                "<disk type='block' device='disk'><driver name='qemu' type='raw'/><source dev='$loop'/><target dev='vdo' bus='virtio'/></disk>" +
                "<disk type='network' device='disk'><driver name='qemu' type='raw'/>" +
                "<source protocol='nbd' name='x'><host name='127.0.0.1' port='1'/></source><target dev='vdn' bus='virtio'/></disk>")
        }

        AfterAll {
            Remove-BareDomain odd1
            if ($loop) { losetup --detach $loop }
            Remove-Item "$lab/images/block.raw"
        }

        It 'fails with <Id>: <Do>' -ForEach @(
            @{ Id = 'OverlayDirectoryNeeded'; Do = { New-DiskSnapshot odd1 vdo } }
            @{ Id = 'DiskNotSnapshottable'; Do = { New-DiskSnapshot odd1 sda } }
            @{ Id = 'NoDiskToSnapshot'; Do = { New-DiskSnapshot odd1 sd* } }
            @{ Id = 'DomainNotRunning'; Do = { New-DiskSnapshot odd1 vdn } }
        ) {
            Get-ErrorId $Do | Should -Be $Id
        }

        It 'tells with -Verbose which disks are left out' {
            $told = New-DiskSnapshot odd1 vda, sd* -Verbose -WhatIf 4>&1
            "$told" | Should -Match 'odd1/sda is left out: it is a cdrom'
        }

        It 'fails where the image belongs to another domain as well' {
            Set-Content "$lab/sharer.xml" ((Get-Content "$lab/odd1.xml" -Raw) -replace '<name>odd1', '<name>odd2')
            $null = Invoke-Virsh define "$lab/sharer.xml"
            try { Get-ErrorId { New-DiskSnapshot odd1 vda } | Should -Be SourceShared }
            finally { $null = Invoke-Virsh undefine odd2 }
        }
    }
}
