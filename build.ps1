<#
.SYNOPSIS
    Builds, tests and shows VirtSnapshot. Run it by ./build.sh, which finds a shell for it.
.PARAMETER Task
    Build   puts the module into out/VirtSnapshot.
    Test    all tests; the last line says how many passed, failed and were skipped.
    Demo    boots a small guest and shows the module on it.
    Bench   compares with other tools.
    Clean   removes all that was built.
.PARAMETER Filter
    For Test: only the tests whose class or method name contains this.
.PARAMETER Quick
    For Test: without the tests on the lab host, a virtual machine with LVM and ZFS, which take half an hour.
.NOTES
    Only the engine's core cmdlets, .NET and external programs: tools/VirtSnapshot.Shell has no more than that.
#>
param([string] $Task = 'Build', [string] $Filter = '', [switch] $Quick)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true

$root = $PSScriptRoot
$results = "$root/out/test-results"
$module = "$root/out/VirtSnapshot"

function Write-Step([string] $Text) {
    $Host.UI.WriteLine('Cyan', $Host.UI.RawUI.BackgroundColor, "== $Text")
}

function Build-Module {
    Write-Step 'Building the module'
    dotnet build "$root/src/VirtSnapshot.PowerShell" --configuration Release --nologo --verbosity quiet

    $manifest = "$root/VirtSnapshot.psd1"
    if (-not [IO.File]::Exists($manifest)) {
        throw "There is no module manifest: $manifest"
    }

    # Anew, and never over the old files: a running process has them mapped into its memory.
    if ([IO.Directory]::Exists($module)) {
        [IO.Directory]::Delete($module, $true)
    }

    $null = [IO.Directory]::CreateDirectory($module)
    $sources = "$root/src/VirtSnapshot.PowerShell"
    $files = @($manifest)
    $files += [IO.Directory]::GetFiles("$sources/bin/Release/net8.0", 'VirtSnapshot.*.dll')
    $files += [IO.Directory]::GetFiles("$sources/bin/Release/net8.0", 'VirtSnapshot.*.pdb')
    $files += [IO.Directory]::GetFiles($sources, '*.ps1xml')
    foreach ($file in $files) {
        [IO.File]::Copy($file, "$module/$([IO.Path]::GetFileName($file))")
    }

    if ([IO.Directory]::Exists("$sources/en-US")) {
        $null = [IO.Directory]::CreateDirectory("$module/en-US")
        foreach ($file in [IO.Directory]::GetFiles("$sources/en-US")) {
            [IO.File]::Copy($file, "$module/en-US/$([IO.Path]::GetFileName($file))")
        }
    }
}

function Install-Lab {
    bash "$root/tests/Lab/install.sh" @args
}

function Test-WithXunit([hashtable] $Totals) {
    Write-Step 'Building the tests'
    bash "$root/tools/VirtSnapshot.Shell/publish.sh"
    dotnet build "$root/tests/VirtSnapshot.Tests" --configuration Release --nologo --verbosity quiet

    if (-not ($Filter -or $Quick)) {
        # The lab host's image takes minutes where it is not there yet: with what the other tests leave of the machine. Whoever needs it waits for it.
        $null = [Diagnostics.Process]::Start('nice', [string[]]@('-n', '19', 'bash', "$root/tests/Lab/host-image.sh"))
    }

    Write-Step 'Testing with xUnit'
    if ($Filter) {
        Invoke-Xunit $Totals filtered @('-method', "*$Filter*")
        return
    }

    $hostStorage = 'VirtSnapshot.Tests.HostStorage'
    Invoke-Xunit $Totals local @('-namespace-', $hostStorage)
    if ($Quick) {
        $Host.UI.WriteWarningLine("The tests on the lab host were not run, as -Quick says.")
        return
    }

    # By themselves: the other tests' guests would go on working beside them. An emulated machine is now and then slower than somebody's patience, so what fails
    # there is tried once more, on another one freshly booted; what fails again has failed.
    Invoke-Xunit $Totals lab-host @('-namespace', $hostStorage) -Again
}

function Invoke-Xunit([hashtable] $Totals, [string] $Name, [string[]] $Choice, [switch] $Again) {
    $tests = @(Get-XunitResults $Name $Choice)
    $failed = @($tests | Where-Object { $_.Result -eq 'Fail' })
    $methods = [Collections.Generic.HashSet[string]]::new([string[]]@($failed | Where-Object { $_.Method } | ForEach-Object { $_.Method }))
    if ($Again -and $methods.Count -gt 0) {
        $Host.UI.WriteWarningLine("Failed, and tried once more: $($methods -join ', ')")
        $second = @(Get-XunitResults "$Name-again" @($methods | ForEach-Object { '-method'; $_ }))
        $missing = @($failed | Where-Object { $_.Method -and $second.Method -notcontains $_.Method })
        $failed = @($failed | Where-Object { -not $_.Method }) + $missing + @($second | Where-Object { $_.Result -eq 'Fail' })
    }

    $Totals.Failed += $failed.Count
    $Totals.Skipped += @($tests | Where-Object { $_.Result -eq 'Skip' }).Count
    $Totals.Passed += [Math]::Max(0, @($tests | Where-Object { $_.Result -ne 'Skip' }).Count - $failed.Count)
    $Totals.Failures += @($failed | ForEach-Object { "$($_.Name): $($_.Failure)" })
}

# The report says what failed; the exit code only that something did.
function Get-XunitResults([string] $Name, [string[]] $Choice) {
    $report = "$results/xunit-$Name.xml"
    $PSNativeCommandUseErrorActionPreference = $false
    & "$root/tests/VirtSnapshot.Tests/bin/Release/net10.0/VirtSnapshot.Tests" -noLogo -reporter verbose -xml $report @Choice |
        ForEach-Object { if (-not $_.EndsWith('[STARTING]')) { $Host.UI.WriteLine($_) } }
    if (-not [IO.File]::Exists($report)) {
        return [pscustomobject]@{ Name = $Name; Method = ''; Result = 'Fail'; Failure = "The test program ended with $LASTEXITCODE and without a report." }
    }

    foreach ($assembly in ([xml][IO.File]::ReadAllText($report)).SelectNodes('/assemblies/assembly')) {
        foreach ($test in $assembly.SelectNodes('collection/test')) {
            $failure = $test.SelectSingleNode('failure')
            [pscustomobject]@{
                Name = $test.GetAttribute('name')
                Method = "$($test.GetAttribute('type')).$($test.GetAttribute('method'))"
                Result = $test.GetAttribute('result')
                Failure = $failure ? $failure.InnerText.Trim() : ''
            }
        }

        # Fixtures that could not be cleaned up, and the like.
        foreach ($fault in $assembly.SelectNodes('errors/error')) {
            [pscustomobject]@{ Name = "$Name, outside of any test"; Method = ''; Result = 'Fail'; Failure = $fault.InnerText.Trim() }
        }
    }
}

function Test-WithPester([hashtable] $Totals) {
    if (-not [IO.Directory]::Exists("$root/tests/Pester")) {
        return
    }

    Write-Step 'Testing with Pester'
    $missing = if (-not (Get-Command pwsh -CommandType Application -ErrorAction Ignore)) { 'pwsh is not installed' }
    elseif ((pwsh -NoProfile -Command '@(Get-Module Pester -ListAvailable).Version.Major -ge 5 -as [bool]') -ne 'True') { 'pwsh has no Pester 5' }
    if ($missing) {
        $tests = 0
        foreach ($file in [IO.Directory]::GetFiles("$root/tests/Pester", '*.Tests.ps1')) {
            $tests += [regex]::Matches([IO.File]::ReadAllText($file), '(?m)^\s*It\s').Count
        }

        $Host.UI.WriteWarningLine("$tests Pester tests skipped: $missing.")
        $Totals.Skipped += $tests
        return
    }

    $report = "$results/pester.txt"
    $PSNativeCommandUseErrorActionPreference = $false
    pwsh -NoProfile -NonInteractive -Command {
        param($Tests, $Report, $Filter)
        Import-Module Pester -MinimumVersion 5.0
        $configuration = New-PesterConfiguration
        $configuration.Run.Path = $Tests
        $configuration.Run.PassThru = $true
        $configuration.Output.Verbosity = 'Detailed'
        if ($Filter) { $configuration.Filter.FullName = "*$Filter*" }
        $run = Invoke-Pester -Configuration $configuration
        $failed = $run.FailedCount + $run.FailedBlocksCount + $run.FailedContainersCount
        [IO.File]::WriteAllLines($Report, @("$($run.PassedCount) $failed $($run.SkippedCount)") + @($run.Failed | ForEach-Object { "$($_.ExpandedPath): $($_.ErrorRecord)" }))
    } -args "$root/tests/Pester", $report, $Filter
    if (-not [IO.File]::Exists($report)) {
        $Host.UI.WriteErrorLine('Pester ended without a report.')
        $Totals.Failed++
        return
    }

    $first, $failures = [IO.File]::ReadAllLines($report)
    [int[]] $counts = $first.Split(' ')
    $Totals.Failures += @($failures | Where-Object { $_ })
    $Totals.Passed += $counts[0]
    $Totals.Failed += $counts[1]
    $Totals.Skipped += $counts[2]
}

function Test-All {
    $totals = @{ Passed = 0; Failed = 0; Skipped = 0; Failures = @() }
    if ([Console]::IsOutputRedirected) {
        $env:NO_COLOR = '1'
    }

    try {
        Build-Module
        if ($Quick -or $Filter) { Install-Lab } else { Install-Lab host }
        if ([IO.Directory]::Exists($results)) {
            [IO.Directory]::Delete($results, $true)
        }

        $null = [IO.Directory]::CreateDirectory($results)
        Test-WithXunit $totals
        Test-WithPester $totals
    }
    catch {
        $Host.UI.WriteErrorLine("$_`n$($_.ScriptStackTrace)")
        $totals.Failed++
    }

    # Once more, where one looks first.
    foreach ($failure in $totals.Failures) {
        $Host.UI.WriteErrorLine("FAILED $failure")
    }

    $Host.UI.WriteLine("$($totals.Passed) passed, $($totals.Failed) failed, $($totals.Skipped) skipped")
    exit ($totals.Failed -gt 0 -or $totals.Passed -eq 0 ? 1 : 0)
}

function Remove-Built {
    $folders = @("$root/out")
    foreach ($project in [IO.Directory]::GetFiles($root, '*.csproj', 'AllDirectories')) {
        $folder = [IO.Path]::GetDirectoryName($project)
        $folders += "$folder/bin", "$folder/obj"
    }

    foreach ($folder in $folders) {
        if ([IO.Directory]::Exists($folder)) {
            [IO.Directory]::Delete($folder, $true)
        }
    }
}

switch ($Task) {
    'Build' { Build-Module }
    'Test' { Test-All }
    'Demo' { Build-Module; Install-Lab; & "$root/demo/Demo.ps1" @args }
    'Bench' { Build-Module; Install-Lab; & "$root/bench/Bench.ps1" @args }
    'Clean' { Remove-Built }
    default {
        $Host.UI.WriteErrorLine("There is no task '$Task'. The tasks: Build, Test, Demo, Bench, Clean.")
        exit 64
    }
}
