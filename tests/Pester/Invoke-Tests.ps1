<#
.SYNOPSIS
    Runs the Pester tests, all on the same guests. The module is built already, and Pester is in out/Pester ('dotnet build tests/Pester').
.PARAMETER Filter
    Only tests whose name contains this.
.PARAMETER File
    Only files whose name contains this, such as Get-VmDisk.
.PARAMETER Report
    A text file for the result: a line 'PASSED FAILED SKIPPED'; a line 'time SECONDS FILE' for each file, and one for the start of the lab; a line
    'failed NAME: ERROR' for each failure.
#>
param([string] $Filter = '', [string] $File = '', [Parameter(Mandatory)] [string] $Report)

Import-Module "$PSScriptRoot/../../out/Pester/Pester.psd1" -ErrorAction Stop
$files = @(Get-ChildItem $PSScriptRoot -Filter "*$File*.Tests.ps1" | ForEach-Object FullName)
if (-not $files) { throw "There is no file '*$File*.Tests.ps1' in $PSScriptRoot." }

$clock = [Diagnostics.Stopwatch]::StartNew()
. "$PSScriptRoot/Lab.ps1"
try {
    $times = @("time $([int] $clock.Elapsed.TotalSeconds) (lab)")
    $configuration = New-PesterConfiguration
    $configuration.Run.Path = $files
    $configuration.Run.PassThru = $true
    $configuration.Output.Verbosity = 'Detailed'
    if ($Filter) { $configuration.Filter.FullName = "*$Filter*" }
    $run = Invoke-Pester -Configuration $configuration
}
finally {
    Exit-Lab
}

# A file that cannot be read, and a BeforeAll or AfterAll that fails, are failures as well.
$failures = @($run.Failed) + @($run.FailedBlocks) + @($run.FailedContainers) | ForEach-Object {
    $name = $_ -is [Pester.Container] ? "$_" : $_.ExpandedPath
    "failed ${name}: $("$($_.ErrorRecord)" -replace '\s+', ' ')"
}
$times += $run.Containers | ForEach-Object { "time $([int] $_.Duration.TotalSeconds) $([IO.Path]::GetFileName("$_"))" }
[IO.File]::WriteAllLines($Report, @("$($run.PassedCount) $($failures.Count) $($run.SkippedCount + $run.NotRunCount * !$Filter)") + $times + $failures)
exit ($failures.Count -gt 0 ? 1 : 0)
