@{
    RootModule           = 'VirtSnapshot.PowerShell.dll'
    ModuleVersion        = '0.1.0'
    GUID                 = '5a3f0c8e-0d6b-4c1e-9b42-7f2d1f6a4e93'
    Author               = 'The VirtSnapshot authors'
    CompanyName          = ''
    Copyright            = '(c) The VirtSnapshot authors. MIT licence.'
    Description          = 'Consistent, immutable copies of the disks of libvirt virtual machines, while the machines go on running: read backups from the host at leisure.'
    CompatiblePSEditions = @('Core')
    PowerShellVersion    = '7.4'
    FormatsToProcess     = @('VirtSnapshot.Format.ps1xml')
    CmdletsToExport      = @(
        'Get-DiskSnapshot'
        'Get-DiskSnapshotMethod'
        'Get-DiskStorageStack'
        'Get-VmDisk'
        'Get-VmDomain'
        'New-DiskSnapshot'
        'Remove-DiskSnapshot'
        'Repair-DiskSnapshot'
        'Reset-DiskSnapshotMethod'
        'Restore-DiskSnapshot'
        'Set-DiskSnapshotMethod'
    )
    FunctionsToExport    = @()
    VariablesToExport    = @()
    AliasesToExport      = @()
    PrivateData          = @{
        PSData = @{
            Tags       = @('libvirt', 'QEMU', 'KVM', 'backup', 'snapshot', 'quiesce', 'Linux', 'PSEdition_Core')
            LicenseUri = 'https://spdx.org/licenses/MIT.html'
        }
    }
}
