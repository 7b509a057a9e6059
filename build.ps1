<#
.SYNOPSIS
    Builds, tests and demonstrates VirtSnapshot. Run it with ./build.sh, which starts it in the pinned PowerShell.
.PARAMETER Task
    Build   builds the module into out/VirtSnapshot.
    Test    runs all tests; the last line shows the numbers of passed, failed and skipped tests.
    Demo    boots a small guest and demonstrates the module with it.
    Bench   compares with other tools.
    Clean   removes all build output.
.PARAMETER Filter
    For Test: only the xUnit tests whose class or method name contains this text, and the Pester tests whose name does.
.PARAMETER Quick
    For Test: without the lab host (a virtual machine with LVM and ZFS), without the part on Debian 13, and without the longest tests (trait Quick=no), such as
    the one with forged records.
.PARAMETER Whole
    For Test: also the conformance suite on the lab host, which takes minutes for each test.
#>
param([string] $Task = 'Build', [string] $Filter = '', [switch] $Quick, [switch] $Whole)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true

$root = $PSScriptRoot
$lab = "$root/tests/Lab"
$results = "$root/out/test-results"
$module = "$root/out/VirtSnapshot"

function Write-Step([string] $Text) { Write-Host "== $Text" -ForegroundColor Cyan }

# Writes a program's output to a log in out/. If it fails, the end of the log is shown.
function Invoke-Quietly([string] $Name, [string] $Program, [string[]] $Arguments) {
    $log = "$root/out/$Name.log"
    $null = New-Item (Split-Path $log) -ItemType Directory -Force
    & { $PSNativeCommandUseErrorActionPreference = $false; & $Program @Arguments *> $log }
    if ($LASTEXITCODE) {
        throw "$Name failed with exit code ${LASTEXITCODE}. The log is $log; its last lines:`n$((Get-Content $log -Tail 30) -join "`n")"
    }
}

function Build-Project([string] $Path) {
    Invoke-Quietly "build-$(Split-Path $Path -Leaf)" dotnet @('build', "$root/$Path", '--configuration', 'Release', '--nologo', '--verbosity', 'quiet')
}

function Build-Module {
    Build-Project src/VirtSnapshot.PowerShell
    Copy-Module
}

function Copy-Module {
    $sources = "$root/src/VirtSnapshot.PowerShell"

    # The old files are deleted and not overwritten, since a running process maps them into its memory.
    if (Test-Path $module) { Remove-Item $module -Recurse }
    $null = New-Item $module -ItemType Directory
    $binaries = "$sources/bin/Release/net8.0/VirtSnapshot"
    Copy-Item "$root/VirtSnapshot.psd1", "$binaries.*.dll", "$binaries.*.pdb", "$sources/*.ps1xml" $module
    Copy-Item "$sources/en-US" $module -Recurse
}

# The test runs in the sequence of their start, the longest first, so that the last ones are short.
function Get-Run {
    $xunit = "$root/tests/VirtSnapshot.Tests/bin/Release/net10.0/VirtSnapshot.Tests"
    $unit = "$root/tests/VirtSnapshot.UnitTests/bin/Release/net10.0/VirtSnapshot.UnitTests"
    $pester = New-Run pester dotnet @('pwsh', '-NoProfile', '-NonInteractive', '-File', "$root/tests/Pester/Invoke-Tests.ps1", '-Report', "$results/pester.txt")
    if ($Filter) {
        $pester.Arguments += '-Filter', $Filter
        $choice = '-method', "*$Filter*"
        return (New-XunitRun unit @($unit) $choice), (New-XunitRun filtered @($xunit) $choice), $pester
    }

    $conformance, $faults, $onHost = @('Conformance', 'Forged'), @('Faults'), @('HostStorage', 'HostSuite')
    if (-not $Quick) {
        # The lab host gets a higher priority, since it takes longest, and runs its tests one at a time.
        New-XunitRun lab-host @('nice', '-n', '-5', $xunit) (Select-Namespace ($Whole ? $onHost : 'HostStorage'))
    }

    New-XunitRun others @($xunit) (Select-Namespace ($conformance + $faults + $onHost) -Not)
    New-XunitRun faults @($xunit) (Select-Namespace $faults)
    New-XunitRun conformance @($xunit) (Select-Namespace $conformance)
    if (-not $Quick) { New-XunitRun debian-13 @("$lab/debian13.sh", 'run', $xunit) @('-trait', 'Debian13=yes') }
    $pester
    if (-not $Quick) { New-Run debian-13-demo "$lab/debian13.sh" @('run', 'dotnet', 'pwsh', '-NoProfile', '-File', "$root/demo/Demo.ps1") }
    New-XunitRun unit @($unit) @()
}

function Select-Namespace([string[]] $Names, [switch] $Not) {
    foreach ($name in $Names) { ($Not ? '-namespace-' : '-namespace'), "VirtSnapshot.Tests.$name" }
}

function New-Run([string] $Name, [string] $Program, [string[]] $Arguments) {
    @{ Name = $Name; Program = $Program; Arguments = $Arguments; Xml = $null; Process = $null; Output = $null; Started = $null; Seconds = 0 }
}

function New-XunitRun([string] $Name, [string[]] $Command, [string[]] $Choice) {
    if ($Quick -and -not $Filter) { $Choice += '-trait-', 'Quick=no' }
    $arguments = @($Command | Select-Object -Skip 1) + $Choice + @('-noLogo', '-noColor', '-reporter', 'verbose', '-xml', "$results/$Name.xml")
    $run = New-Run $Name $Command[0] $arguments
    $run.Xml = "$results/$Name.xml"
    $run
}

# Starts a program in the background. Start-Process would split the arguments at blanks.
function Start-Program([string] $Log, [string] $Program, [string[]] $Arguments) {
    [Diagnostics.Process]::Start('bash', [string[]](@('-c', 'exec "$@" </dev/null >"$0" 2>&1', $Log, $Program) + $Arguments))
}

function Start-Run([hashtable] $Run) {
    $log = "$results/$($Run.Name).log"
    $Run.Started = Get-Date
    # The file in which the run reports its waiting times.
    $env:VIRTSNAPSHOT_TEST_TIMES = "$results/$($Run.Name).times"
    # Most test processes run for about a second, too short to benefit from PGO.
    # Recompiling hot methods and a thread for garbage collection do not pay off in that time either.
    $env:DOTNET_TieredPGO = '0'
    $env:DOTNET_TC_CallCounting = '0'
    $env:DOTNET_gcConcurrent = '0'
    $Run.Process = Start-Program $log $Run.Program $Run.Arguments
    while (-not (Test-Path $log)) { Start-Sleep -Milliseconds 20 }
    $Run.Output = [IO.StreamReader]::new([IO.FileStream]::new($log, 'Open', 'Read', 'ReadWrite'))
}

function Show-Output([hashtable] $Run) {
    while ($null -ne ($line = $Run.Output.ReadLine())) {
        if (-not $line.EndsWith('[STARTING]')) { Write-Host "$($Run.Name.PadRight(9))| $line" }
    }
}

# Runs several at a time, since they mostly wait for guests, agents and time limits.
function Invoke-Run([object[]] $Runs, [int] $AtOnce) {
    $waiting = [Collections.Generic.Queue[object]]::new($Runs)
    $running = [Collections.Generic.List[object]]::new()
    try {
        while ($waiting.Count -or $running.Count) {
            while ($waiting.Count -and $running.Count -lt $AtOnce) {
                $running.Add($waiting.Dequeue())
                Start-Run $running[-1]
            }

            foreach ($run in @($running)) {
                $hasEnded = $run.Process.HasExited
                Show-Output $run
                if ($hasEnded) {
                    $run.Seconds = [int]((Get-Date) - $run.Started).TotalSeconds
                    $run.Output.Dispose()
                    $null = $running.Remove($run)
                }
            }

            Start-Sleep -Milliseconds 200
        }
    }
    finally {
        $running | Where-Object Process | ForEach-Object { $_.Process.Kill($true) }
    }
}

# Reads the report of a run, which names the failed tests. A run without a report has only its exit code.
function Read-Result([hashtable] $Run) {
    if ($Run.Xml) {
        Read-XunitResult $Run
        return
    }

    if ($Run.Name -eq 'pester') {
        Read-PesterResult $Run
        return
    }

    New-Result $Run.Name $Run.Name ($Run.Process.ExitCode ? "It ended with exit code $($Run.Process.ExitCode), see its output above." : '') $Run.Seconds
}

function New-Result([string] $Class, [string] $Name, [string] $Failure, [double] $Seconds, [int] $Count = 1, [switch] $Skipped) {
    [pscustomobject]@{ Class = $Class; Name = $Name; Failure = $Failure; Seconds = $Seconds; Count = $Count; Skipped = [bool]$Skipped }
}

function Read-XunitResult([hashtable] $Run) {
    if (-not (Test-Path $Run.Xml)) {
        return New-Result $Run.Name $Run.Name "The test program ended with exit code $($Run.Process.ExitCode) and without a report." $Run.Seconds
    }

    foreach ($assembly in ([xml](Get-Content $Run.Xml -Raw)).SelectNodes('/assemblies/assembly')) {
        foreach ($test in $assembly.SelectNodes('collection/test')) {
            $failure = $test.SelectSingleNode('failure')
            $class = $test.GetAttribute('type') -replace '^VirtSnapshot\.(Unit)?Tests\.'
            $seconds = [double]::Parse($test.GetAttribute('time'), [cultureinfo]::InvariantCulture)
            New-Result $class $test.GetAttribute('name') ($failure ? $failure.InnerText.Trim() : '') $seconds -Skipped:($test.GetAttribute('result') -eq 'Skip')
        }

        # Errors outside of tests, such as failed cleanups of fixtures.
        foreach ($fault in $assembly.SelectNodes('errors/error')) {
            New-Result $Run.Name "$($Run.Name), outside of any test" $fault.InnerText.Trim() 0
        }
    }
}

# A line 'PASSED FAILED SKIPPED'; 'time SECONDS FILE' for each file; 'failed NAME: ERROR' for each failure.
function Read-PesterResult([hashtable] $Run) {
    if (-not (Test-Path "$results/pester.txt")) {
        return New-Result Pester Pester "Pester ended with exit code $($Run.Process.ExitCode) and without a report." $Run.Seconds
    }

    $counts, $lines = Get-Content "$results/pester.txt"
    [int] $passed, [int] $failed, [int] $skipped = $counts.Split(' ')
    if ($passed) { New-Result Pester Pester '' 0 -Count $passed }
    if ($skipped) { New-Result Pester Pester '' 0 -Count $skipped -Skipped }
    foreach ($line in $lines -match '^time ') {
        $null, $seconds, $file = $line.Split(' ', 3)
        New-Result "Pester, $file" Pester '' $seconds -Count 0
    }

    $reported = @(@($lines) -match '^failed ')
    $reported | ForEach-Object { New-Result Pester Pester $_ 0 }
    if ($failed -gt $reported.Count -or ($Run.Process.ExitCode -and -not $failed)) {
        New-Result Pester Pester "Pester counted $failed failures, reported $($reported.Count), and ended with exit code $($Run.Process.ExitCode)." 0
    }
}

function Write-Table([object[]] $Tests, [hashtable[]] $Runs) {
    $classes = $Tests | Group-Object Class | ForEach-Object {
        [pscustomobject]@{ Seconds = ($_.Group | Measure-Object Seconds -Sum).Sum; Tests = ($_.Group | Measure-Object Count -Sum).Sum; Class = $_.Name }
    } | Sort-Object Seconds -Descending
    Write-Step 'Time per class, in seconds; classes below one second are omitted'
    foreach ($class in $classes | Where-Object Seconds -GE 1) { Write-Host ('{0,7:0} {1,5} {2}' -f $class.Seconds, "x$($class.Tests)", $class.Class) }
    Write-Step 'Time per run, in seconds, and the part of it spent on sleeping, booting and waiting'
    foreach ($run in $Runs) {
        $times = "$results/$($run.Name).times"
        Write-Host ('{0,7:0} {1}{2}' -f $run.Seconds, $run.Name, ((Test-Path $times) ? ": $((Get-Content $times) -join ', ')" : ''))
    }
}

function Test-All {
    $started = Get-Date
    $tests, $runs = @(), @()
    if ([Console]::IsOutputRedirected) { $env:NO_COLOR = '1' }
    try {
        Write-Step 'Building'
        Build-Project VirtSnapshot.slnx
        Build-Project tests/Pester
        Copy-Module
        & "$lab/install.sh" ($Quick -or $Filter ? @() : @('host', 'debian13'))
        if (Test-Path $results) { Remove-Item $results -Recurse }
        $null = New-Item $results -ItemType Directory
        if (-not ($Quick -or $Filter)) {
            # Building the images takes minutes. A run that needs one waits for it. The priority is only slightly lower: otherwise the images would wait for
            # the other tests.
            $null = Start-Program "$results/images.log" nice @('-n', '5', 'bash', '-c', '"$0/host-image.sh"; "$0/debian13.sh" make', $lab)
        }

        Write-Step 'Testing'
        $runs = @(Get-Run)
        # The lab host uses one of two processors: three parallel runs with it, four without.
        Invoke-Run $runs ($Filter ? 1 : $Quick ? 4 : 3)
        $tests = @($runs | ForEach-Object { Read-Result $_ })
    }
    catch {
        $tests += New-Result build.ps1 build.ps1 "$_`n$($_.ScriptStackTrace)" 0
    }

    Write-Table $tests $runs
    Write-Host ('{0,7:0} in total' -f ((Get-Date) - $started).TotalSeconds)
    if ($Quick -and -not $Filter) { Write-Host 'With -Quick, without the tests on the lab host and on Debian 13, and without the longest tests.' }

    # Again at the end of the output.
    $failed = @($tests | Where-Object Failure)
    foreach ($test in $failed) { Write-Host "FAILED $($test.Name): $($test.Failure)" -ForegroundColor Red }
    $passed, $skipped = 0, 0
    $tests | Where-Object { -not $_.Failure } | ForEach-Object { if ($_.Skipped) { $skipped += $_.Count } else { $passed += $_.Count } }
    Write-Host "$passed passed, $($failed.Count) failed, $skipped skipped"
    exit ($failed.Count -or -not $passed ? 1 : 0)
}

function Remove-Built {
    Get-ChildItem $root -Filter *.csproj -Recurse | ForEach-Object { "$($_.DirectoryName)/bin", "$($_.DirectoryName)/obj" } |
        Where-Object { Test-Path $_ } | Remove-Item -Recurse
    if (Test-Path "$root/out") { Remove-Item "$root/out" -Recurse }
}

switch ($Task) {
    'Build' { Build-Module }
    'Test' { Test-All }
    'Demo' { Build-Module; & "$lab/install.sh"; & "$root/demo/Demo.ps1" @args }
    'Bench' { Build-Module; & "$lab/install.sh"; & "$root/bench/Bench.ps1" @args }
    'Clean' { Remove-Built }
    default {
        Write-Host "There is no task '$Task'. The tasks are Build, Test, Demo, Bench, Clean." -ForegroundColor Red
        exit 64
    }
}
