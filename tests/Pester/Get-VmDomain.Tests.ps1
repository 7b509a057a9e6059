BeforeAll {
    . "$PSScriptRoot/Lab.ps1"
    $node = New-TestNode 'web1:vda,vdb' 'web2:vda,vdb' 'db:vda'
}

AfterAll { Exit-Lab }

Describe 'Get-VmDomain' {
    It 'finds each domain once: <Name>' -ForEach @(
        @{ Name = 'web*'; Expected = 'web1', 'web2' }
        @{ Name = 'WEB?'; Expected = 'web1', 'web2' }
        @{ Name = 'web[13-9]'; Expected = 'web1' }
        @{ Name = '*'; Expected = 'db', 'web1', 'web2' }
        @{ Name = 'db', 'web1', 'web*'; Expected = 'db', 'web1', 'web2' }
        @{ Name = 'nothing*'; Expected = @() }
    ) {
        (Get-VmDomain $Name -Uri $node).Name | Should -Be $Expected
    }

    It 'writes all domains of the default URI where none is named' {
        (Get-VmDomain).Name | Should -Be bare1, off1, web1, web2
        (Get-VmDomain -Uri $node).Name | Should -Be db, web1, web2
    }

    It 'takes the domain <Way>' -ForEach @(
        @{ Way = 'by a named parameter'; Do = { Get-VmDomain -Name web1 -Uri $node } }
        @{ Way = 'by the alias Domain'; Do = { Get-VmDomain -Domain web1 -Uri $node } }
        @{ Way = 'by UUID'; Do = { Get-VmDomain $domain.Uuid -Uri $node } }
        @{ Way = 'by UUID as text'; Do = { Get-VmDomain "$($domain.Uuid)" -Uri $node } }
        @{ Way = 'as an object'; Do = { Get-VmDomain $domain } }
        @{ Way = 'as piped text'; Do = { 'web1' | Get-VmDomain -Uri $node } }
        @{ Way = 'as a piped object'; Do = { $domain | Get-VmDomain } }
        @{ Way = 'of a piped disk'; Do = { Get-VmDisk web1 vda -Uri $node | Get-VmDomain } }
        @{ Way = 'by the property Name'; Do = { [pscustomobject]@{ Name = 'web1'; Uri = $node } | Get-VmDomain } }
        @{ Way = 'by the property Uuid'; Do = { $domain | Select-Object Uuid, Uri | Get-VmDomain } }
        @{ Way = 'by the entries of a hashtable'; Do = { @{ Name = 'web1'; Uri = $node } | Get-VmDomain } }
        @{ Way = 'of a row of CSV'; Do = { "Name,Uri`nweb1,$node" | ConvertFrom-Csv | Get-VmDomain } }
        @{ Way = 'of a deserialized object'; Do = { Get-Deserialized $domain | Get-VmDomain } }
        @{ Way = 'by a script block'; Do = { [pscustomobject]@{ Machine = 'web1' } | Get-VmDomain -Name { $_.Machine } -Uri $node } }
    ) {
        $domain = Get-VmDomain web1 -Uri $node
        & $Do | ForEach-Object { "$_ $($_.Uri)" } | Should -Be "web1 $node"
    }

    It 'a domain that is named like a pattern or like the UUID of another is that one only' {
        $uuid = '00000000-0000-4000-8000-000000000001'
        $odd = New-TestNode "web1:vda:$uuid" 'web*:vda' "${uuid}:vda"
        $domains = Get-VmDomain -Uri $odd | Group-Object Name -AsHashTable
        ($domains['web*'] | Select-Object Name, Uri | Get-VmDomain).Name | Should -Be 'web*'
        ($domains['web1'] | Select-Object Uuid, Uri | Get-VmDomain).Name | Should -Be web1
        ($domains['web1'] | Get-VmDomain).Name | Should -Be web1
    }

    It 'writes only domains in one of the states given' {
        (Get-VmDomain -State ShutOff).Name | Should -Be off1
        (Get-VmDomain -State Running, Paused -Uri $node).Count | Should -Be 3
        Get-VmDomain -State ShutOff -Uri $node | Should -BeNullOrEmpty
    }

    It 'a name needs to be behind one of several URIs only' {
        (Get-VmDomain web1, test -Uri test:///default, $node).Name | Should -Be web1, test
    }

    It 'a missing domain is one error, and the others are written' {
        $found = 'web1', 'missing', 'db' | Get-VmDomain -Uri $node -ErrorAction SilentlyContinue -ErrorVariable failures
        $found.Name | Should -Be web1, db
        $failures | Should -HaveCount 1
        $failures[0].FullyQualifiedErrorId | Should -BeLike 'DomainNotFound,*GetVmDomainCommand'
        $failures[0].CategoryInfo.Category | Should -Be ObjectNotFound
        $failures[0].TargetObject | Should -Be missing
    }

    It '-ErrorAction Stop ends the pipeline at the first error' {
        $found = @()
        { 'missing', 'db' | Get-VmDomain -Uri $node -ErrorAction Stop -OutVariable found } | Should -Throw -ErrorId 'DomainNotFound,*'
        $found | Should -BeNullOrEmpty
    }

    It 'a URI that cannot be reached is one error, and the others are searched' {
        $found = Get-VmDomain web1, web2 -Uri 'qemu:///system?socket=/nowhere', $node -ErrorAction SilentlyContinue -ErrorVariable failures
        $found.Name | Should -Be web1, web2
        $failures.CategoryInfo.Category | Should -Be ConnectionError
        $failures.FullyQualifiedErrorId | Should -BeLike 'LibvirtUnreachable,*'
    }

    It 'a pattern that is not valid is one error, and the others are found: <Names>' -ForEach @(
        @{ Names = 'web[', 'db' }
        @{ Names = 'db', 'web[' }
    ) {
        (Get-VmDomain $Names -Uri $node -ErrorAction SilentlyContinue -ErrorVariable failures).Name | Should -Be db
        $failures.FullyQualifiedErrorId | Should -BeLike 'InvalidWildcard,*'
        ($Names | Get-VmDomain -Uri $node -ErrorAction SilentlyContinue).Name | Should -Be db
    }

    It 'fails with <Id>: <Do>' -ForEach @(
        @{ Id = 'DomainGivenTwice'; Do = { Get-VmDomain web1 -Uri $node | Get-VmDomain web2 } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-VmDomain $null } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-VmDomain -Name $null } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-VmDomain '' } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-VmDomain ' ' } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-VmDomain -Uri '' } }
        @{ Id = 'InputNotUnderstood'; Do = { Get-VmDomain -Uri @() } }
        @{ Id = 'InvalidUri'; Do = { Get-VmDomain -Uri ' ' } }
        @{ Id = 'InvalidWildcard'; Do = { Get-VmDomain 'web[9-1]' -Uri $node } }
        @{ Id = 'InvalidWildcard'; Do = { Get-VmDomain 'web[' -Uri $node } }
        @{ Id = 'CannotConvertArgumentNoMessage'; Do = { Get-VmDomain -State Sleeping } }
        @{ Id = 'ParameterArgumentValidationError'; Do = { Get-VmDomain -State @() } }
    ) {
        Get-ErrorId $Do | Should -Be $Id
    }

    It 'shows a running guest with its agent and its disks' {
        $domain = Get-VmDomain web1
        $domain.State | Should -Be Running
        $domain.GuestAgent | Should -Be Connected
        $domain.Disks.Target | Should -Be vda, vdb
        ([xml] $domain.Xml).domain.name | Should -Be web1
        (Get-VmDomain off1).State | Should -Be ShutOff
    }

    It 'prints a table' {
        $shown = Get-VmDomain web1 | Out-String -Width 160
        $shown | Should -Match 'Name +State +GuestAgent +Disks +Uri'
        $shown | Should -Match 'web1 +Running +Connected +vda, vdb +qemu:///system'
    }

    It 'completes <Line>' -ForEach @(
        @{ Line = 'Get-VmDomain -S'; Expected = '-State' }
        @{ Line = 'Get-VmDomain -State Sh'; Expected = 'ShutOff' }
        @{ Line = 'Get-VmDomain | ForEach-Object GuestA'; Expected = 'GuestAgent' }
    ) {
        Get-Completion $Line | Should -Contain $Expected
    }
}
