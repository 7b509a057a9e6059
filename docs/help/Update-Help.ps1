<#
.SYNOPSIS
    Makes from the pages of this folder what Get-Help reads: src/VirtSnapshot.PowerShell/en-US. Run it after a page has changed.
.NOTES
    The pages have the schema of PlatyPS. This script needs nothing but PowerShell; a test compares pages, MAML and cmdlets.
#>
#Requires -Version 7.4
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$target = Join-Path $PSScriptRoot '../../src/VirtSnapshot.PowerShell/en-US'

function ConvertTo-XmlText([string] $Text) { [Security.SecurityElement]::Escape($Text.Trim()) }

# The text below a heading, to the next one of its level or above. Headings in code blocks do not occur.
function Get-Section([string] $Page, [string] $Heading) {
    $level = $Heading.IndexOf(' ')
    [regex]::Match($Page, "(?ms)^$([regex]::Escape($Heading))`$(.*?)(?=^#{1,$level} |\z)").Groups[1].Value.Trim()
}

# The sections one level below: each with its heading's text.
function Get-Subsections([string] $Text) {
    foreach ($match in [regex]::Matches($Text, '(?ms)^### (.*?)$(.*?)(?=^### |\z)')) {
        [pscustomobject]@{ Heading = $match.Groups[1].Value; Text = $match.Groups[2].Value.Trim() }
    }
}

function ConvertTo-Paragraphs([string] $Text) {
    foreach ($paragraph in $Text -split '\n\n' | Where-Object { $_ }) { "<maml:para>$(ConvertTo-XmlText $paragraph)</maml:para>" }
}

function ConvertTo-Parameter([string] $Name, [string] $Page, [string] $ShortType = '') {
    $null = (Get-Section $Page "### -$Name") -match '(?s)^(?<text>.*?)\n```yaml\n(?<yaml>.*?)```'
    $text, $yaml = $Matches.text, $Matches.yaml
    $value = @{}
    foreach ($match in [regex]::Matches($yaml, '(?m)^ *(\w+): (.*)$')) { $value[$match.Groups[1].Value] = $match.Groups[2].Value.Trim("'") }
    $inputs = @(
        if ($value.ValueFromPipeline -eq 'true') { 'ByValue' }
        if ($value.ValueFromPipelineByPropertyName -eq 'true') { 'ByPropertyName' }
    ) -join ', '
    $aliases = [regex]::Matches([regex]::Match($yaml, '(?m)^Aliases:\n((- .*\n)*)').Value, '(?m)^- (.*)$').ForEach{ $_.Groups[1].Value } -join ', '
    $type = ConvertTo-XmlText ($ShortType ? $ShortType : $value.Type)
    $isSwitch = $value.Type -like '*.SwitchParameter'
    "<command:parameter required=`"$($value.IsRequired)`" variableLength=`"$($value.Type.EndsWith('[]') ? 'true' : 'false')`" " +
    "globbing=`"$($value.SupportsWildcards)`" pipelineInput=`"$($inputs ? "true ($inputs)" : 'false')`" position=`"$($value.Position)`" " +
    "aliases=`"$($aliases ? $aliases : 'none')`">" +
    "<maml:name>$Name</maml:name><maml:description>$(ConvertTo-Paragraphs $text)</maml:description>" +
    ($isSwitch ? '' : "<command:parameterValue required=`"true`" variableLength=`"false`">$type</command:parameterValue>") +
    "<dev:type><maml:name>$(ConvertTo-XmlText $value.Type)</maml:name></dev:type>" +
    ($value.DefaultValue ? "<dev:defaultValue>$(ConvertTo-XmlText $value.DefaultValue)</dev:defaultValue>" : '') +
    '</command:parameter>'
}

function ConvertTo-Types([string] $Text, [string] $Element) {
    foreach ($type in Get-Subsections $Text) {
        "<command:$Element><dev:type><maml:name>$(ConvertTo-XmlText $type.Heading)</maml:name></dev:type>" +
        "<maml:description>$(ConvertTo-Paragraphs $type.Text)</maml:description></command:$Element>"
    }
}

function ConvertTo-Example($Example) {
    $null = $Example.Text -match '(?s)^(?<before>.*?)```powershell\n(?<code>.*?)```(?<after>.*)$'
    "<command:example><maml:title>--------- $(ConvertTo-XmlText $Example.Heading) ---------</maml:title>" +
    "<maml:introduction>$(ConvertTo-Paragraphs $Matches.before)</maml:introduction><dev:code>$(ConvertTo-XmlText $Matches.code)</dev:code>" +
    "<dev:remarks>$(ConvertTo-Paragraphs ($Matches.after -replace '(?m)^```.*\n?'))</dev:remarks></command:example>"
}

function ConvertTo-Command([string] $Name, [string] $Page) {
    $verb, $noun = $Name -split '-'
    $syntax = [regex]::Matches((Get-Section $Page '## SYNTAX'), '(?<=[\[\s])-(\w+)\]?(?:\s+<(.*?)>)?(?=[\]\s])')
    $parameters = (Get-Subsections (Get-Section $Page '## PARAMETERS')).Heading | Where-Object { $_ -like '-*' } | ForEach-Object { $_.Substring(1) }
    "<command:command><command:details><command:name>$Name</command:name>" +
    "<maml:description>$(ConvertTo-Paragraphs (Get-Section $Page '## SYNOPSIS'))</maml:description>" +
    "<command:verb>$verb</command:verb><command:noun>$noun</command:noun></command:details>" +
    "<maml:description>$(ConvertTo-Paragraphs (Get-Section $Page '## DESCRIPTION'))</maml:description>" +
    "<command:syntax><command:syntaxItem><maml:name>$Name</maml:name>" +
    "$($syntax | ForEach-Object { ConvertTo-Parameter $_.Groups[1].Value $Page $_.Groups[2].Value })</command:syntaxItem></command:syntax>" +
    "<command:parameters>$($parameters | ForEach-Object { ConvertTo-Parameter $_ $Page })</command:parameters>" +
    "<command:inputTypes>$(ConvertTo-Types (Get-Section $Page '## INPUTS') inputType)</command:inputTypes>" +
    "<command:returnValues>$(ConvertTo-Types (Get-Section $Page '## OUTPUTS') returnValue)</command:returnValues>" +
    "<maml:alertSet><maml:alert>$(ConvertTo-Paragraphs (Get-Section $Page '## NOTES'))</maml:alert></maml:alertSet>" +
    "<command:examples>$(Get-Subsections (Get-Section $Page '## EXAMPLES') | ForEach-Object { ConvertTo-Example $_ })</command:examples>" +
    "<command:relatedLinks>$([regex]::Matches((Get-Section $Page '## RELATED LINKS'), '\[(.*?)\]') | ForEach-Object {
        "<maml:navigationLink><maml:linkText>$($_.Groups[1].Value)</maml:linkText><maml:uri /></maml:navigationLink>" })</command:relatedLinks></command:command>"
}

$commands = foreach ($file in Get-ChildItem "$PSScriptRoot/*-*.md" | Sort-Object Name) { ConvertTo-Command $file.BaseName (Get-Content $file -Raw) }
$maml = [xml]::new()
$maml.LoadXml('<helpItems schema="maml" xmlns="http://msh" xmlns:maml="http://schemas.microsoft.com/maml/2004/10" ' +
    'xmlns:command="http://schemas.microsoft.com/maml/dev/command/2004/10" xmlns:dev="http://schemas.microsoft.com/maml/dev/2004/10">' +
    "$commands</helpItems>")
$maml.Save("$target/VirtSnapshot.PowerShell.dll-Help.xml")

# An about topic is plain text; ours reads well as it is, but for the front matter.
$about = (Get-Content "$PSScriptRoot/about_VirtSnapshot.md" -Raw) -replace '(?s)\A---.*?---\s+', ''
Set-Content "$target/about_VirtSnapshot.help.txt" $about -NoNewline
