using System.Buffers.Binary;
using VirtSnapshot.Hosts;

namespace VirtSnapshot.Domains;

/// <summary>Parts of a guest's state outside its disks.</summary>
internal enum GuestStatePart
{
    /// <summary>The UEFI variables.</summary>
    Nvram,

    /// <summary>The state of an emulated TPM.</summary>
    Tpm,
}

/// <summary>Guest state in a file of the host, outside the disks: https://libvirt.org/formatdomain.html (nvram, TPM device).</summary>
/// <param name="Part">The kind of state.</param>
/// <param name="Path">The file; null if there is none that can be copied.</param>
/// <param name="WhyNoFile">Why there is none, as a clause.</param>
internal sealed record GuestState(GuestStatePart Part, string? Path, string? WhyNoFile)
{
    // The folder of libvirt's system daemon. The domain's XML does not contain it.
    private const string TpmFolder = "/var/lib/libvirt/swtpm";

    /// <summary>Its name in messages.</summary>
    public string Name => NameOf(Part);

    /// <summary>The name of a part in messages.</summary>
    public static string NameOf(GuestStatePart part) => part == GuestStatePart.Nvram ? "UEFI variables (NVRAM)" : "TPM state";

    /// <summary>The parts that a domain has.</summary>
    public static IReadOnlyList<GuestState> Of(VmDomain domain) => [.. new[] { FindNvram(domain), FindTpm(domain) }.OfType<GuestState>()];

    /// <summary>Whether a file contains such state. No other file is copied or overwritten, whatever path the domain's XML contains.</summary>
    /// <param name="part">The kind of state.</param>
    /// <param name="content">The whole content.</param>
    public static bool IsContent(GuestStatePart part, ReadOnlySpan<byte> content)
    {
        // EFI_FIRMWARE_VOLUME_HEADER.Signature of the UEFI PI specification; the header that swtpm writes ends with the length of the whole.
        const int signatureAt = 40, lengthAt = 6;
        return part == GuestStatePart.Nvram
            ? content.Length > signatureAt + 4 && content[signatureAt..(signatureAt + 4)].SequenceEqual("_FVH"u8)
            : content.Length > lengthAt + 4 && BinaryPrimitives.ReadUInt32BigEndian(content[lengthAt..]) == content.Length;
    }

    private static GuestState? FindNvram(VmDomain domain)
    {
        if (domain.Root.Element("os")?.Element("nvram") is not { } nvram)
        {
            return null;
        }

        var type = (string?)nvram.Attribute("type") ?? "file";
        var format = (string?)nvram.Attribute("format") ?? "raw";
        var path = ((string?)nvram.Element("source")?.Attribute("file") ?? nvram.Value).Trim();
        return type != "file" ? new GuestState(GuestStatePart.Nvram, null, $"it is of the type '{type}'")
            : format != "raw" ? new GuestState(GuestStatePart.Nvram, null, $"its format is '{format}'")
            : path.StartsWith('/') ? new GuestState(GuestStatePart.Nvram, path, null)
            : new GuestState(GuestStatePart.Nvram, null, "libvirt names no file for it");
    }

    private static GuestState? FindTpm(VmDomain domain)
    {
        if (domain.Root.Element("devices")?.Element("tpm")?.Element("backend") is not { } backend || (string?)backend.Attribute("type") != "emulator")
        {
            // The state of a TPM of the host, or of an external daemon, is stored elsewhere.
            return null;
        }

        var source = backend.Element("source");
        var isDefault = source is null || ((string?)source.Attribute("type") == "dir" && source.Attribute("path") is not null);
        var (folder, file) = (string?)backend.Attribute("version") == "1.2" ? ("tpm1.2", "tpm-00.permall") : ("tpm2", "tpm2-00.permall");
        return !isDefault || LibvirtUri.TryParse(domain.Uri) is { IsSession: true }
            ? new GuestState(GuestStatePart.Tpm, null, "libvirt does not keep it in its usual folder")
            : new GuestState(GuestStatePart.Tpm, $"{(string?)source?.Attribute("path") ?? $"{TpmFolder}/{domain.Uuid:D}/{folder}"}/{file}", null);
    }
}
