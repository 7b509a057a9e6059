BeforeDiscovery {
    $commands = (Import-PowerShellDataFile "$PSScriptRoot/../../VirtSnapshot.psd1").CmdletsToExport
}

BeforeAll {
    . "$PSScriptRoot/Lab.ps1"
}

AfterAll { Exit-Lab }

Describe 'The module' {
    It 'exports its commands and nothing else' {
        $exported = Get-Module VirtSnapshot
        $exported.ExportedCommands.Keys | Sort-Object | Should -Be @(
            'Get-DiskSnapshot', 'Get-DiskSnapshotMethod', 'Get-DiskStorageStack', 'Get-VmDisk', 'Get-VmDomain', 'New-DiskSnapshot',
            'Remove-DiskSnapshot', 'Repair-DiskSnapshot', 'Reset-DiskSnapshotMethod', 'Restore-DiskSnapshot', 'Set-DiskSnapshotMethod')
        $exported.ExportedVariables.Count | Should -Be 0
        $exported.ExportedAliases.Count | Should -Be 0
    }

    It 'has a valid manifest' {
        (Test-ModuleManifest "$module/VirtSnapshot.psd1").Name | Should -Be VirtSnapshot
    }

    It 'can be removed and imported again' {
        Remove-Module VirtSnapshot
        Import-Module $module
        (Get-VmDomain off1).Name | Should -Be off1
    }

    It 'shows the help of <_>: a synopsis, examples, and a text for each parameter' -ForEach $commands {
        $help = Get-Help $_ -Full
        $help.Synopsis | Should -Match '\.$'
        $help.Examples.Example.Count | Should -BeGreaterThan 0
        $common = [Management.Automation.Cmdlet]::CommonParameters + [Management.Automation.Cmdlet]::OptionalCommonParameters
        foreach ($parameter in (Get-Command $_).Parameters.Keys | Where-Object { $_ -notin $common }) {
            (Get-Help $_ -Parameter $parameter).Description.Text | Should -Not -BeNullOrEmpty -Because "-$parameter is a parameter of $_"
        }
    }

    It 'shows about_VirtSnapshot' {
        Get-Help about_VirtSnapshot | Out-String | Should -Match 'SHORT DESCRIPTION'
    }

    It '<_> reads the properties of a pipeline that its objects have' -ForEach $commands {
        $parameters = (Get-Command $_).Parameters.Values
        $expected = if ($_ -eq 'Get-VmDomain') { 'Name', 'Uri' }
        elseif ($parameters.Name -contains 'Id') { 'Disk', 'Domain', 'Id', 'Name', 'Uri' }
        elseif ($_ -eq 'Get-VmDisk') { 'Domain', 'Target', 'Uri' }
        elseif ($parameters.Name -contains 'Disk') { 'Disk', 'Domain', 'Uri' }
        else { 'Domain', 'Uri' }
        $parameters | Where-Object { $_.ParameterSets.Values.ValueFromPipelineByPropertyName } | ForEach-Object Name | Sort-Object | Should -Be $expected
    }

    It '<_> supports -WhatIf and -Confirm if it changes anything' -ForEach $commands {
        (Get-Command $_).Parameters.ContainsKey('WhatIf') | Should -Be ($_ -notlike 'Get-*')
        (Get-Command $_).Parameters.ContainsKey('Confirm') | Should -Be ($_ -notlike 'Get-*')
    }

    It 'completes the names of its commands' {
        Get-Completion 'New-DiskS' | Should -Contain New-DiskSnapshot
    }
}
