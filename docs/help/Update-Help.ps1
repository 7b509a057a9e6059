<#
.SYNOPSIS
    Makes from the pages of this folder what Get-Help reads: src/VirtSnapshot.PowerShell/en-US. Run it after a page has changed.
.NOTES
    Needs pwsh with the module Microsoft.PowerShell.PlatyPS 1.0.
#>
#Requires -Version 7.4
#Requires -Modules Microsoft.PowerShell.PlatyPS
$ErrorActionPreference = 'Stop'
$target = Join-Path $PSScriptRoot '../../src/VirtSnapshot.PowerShell/en-US'
$folder = New-Item -ItemType Directory -Path (Join-Path ([IO.Path]::GetTempPath()) ([guid]::NewGuid()))
try {
    Get-ChildItem "$PSScriptRoot/*-*.md" | ForEach-Object { Import-MarkdownCommandHelp $_.FullName } |
        Export-MamlCommandHelp -OutputFolder $folder | Copy-Item -Destination $target
}
finally {
    Remove-Item $folder -Recurse
}

# An about topic is plain text; ours reads well as it is, but for the front matter.
$about = (Get-Content "$PSScriptRoot/about_VirtSnapshot.md" -Raw) -replace '(?s)\A---.*?---\s+', ''
Set-Content "$target/about_VirtSnapshot.help.txt" $about -NoNewline
