using System.Text;
using System.Xml;
using System.Xml.Linq;

namespace VirtSnapshot.UnitTests.Fuzz;

/// <summary>Makes invalid inputs of valid ones: texts, bytes and XML that are changed at random places.</summary>
internal sealed class Mutator(Random random)
{
    private const int Longest = 100_000;

    private static readonly string[] Pieces =
    [
        "", " ", "\0", "\n", "\t", "\u0001", "\uFFFE", "\uFFFD", "\uD800", "\uDC00", "\uD83D\uDE00", "/", "//", "..", "../", "./", "\\", "\\040", "'", "\"",
            "`", "[", "]", "[]", "[z-a]", "*", "?",
        "<", ">", "&", "&#0;", "<!DOCTYPE a [<!ENTITY b 'c'>]>", "<![CDATA[", "-->", "{", "}", "json:", "json:{\"file\":{\"filename\":\"a\"}}", "file:",
            "nbd://a", "\\ud800", "\\u0000", "null",
        "true", "[[", "-1", "0", "7", "1e999", "NaN", "-0", "+1", " 1", "0x10", "4294967296", "18446744073709551616", "9223372036854775807",
            "99999999999999999999999999999999",
        "00000000-0000-0000-0000-000000000000", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "P99999999999D", "PT0S", "xmlns", "%", "%2", "%zz",
            "%00", "://", ":", "@", "?", "#", "=", ",", "-", "+",
    ];

    public T Of<T>(IReadOnlyList<T> choices) => choices[random.Next(choices.Count)];

    /// <summary>A text, changed at one place as a rule.</summary>
    public string Change(string text)
    {
        for (var times = random.Next(10) == 0 ? random.Next(2, 20) : 1; times > 0; times--)
        {
            text = ChangeOnce(text);
        }

        return text.Length <= Longest ? text : text[..Longest];
    }

    public byte[] Change(byte[] bytes)
    {
        var changed = bytes.ToArray();
        for (var times = random.Next(1, 6); times > 0 && changed.Length > 0; times--)
        {
            var (start, length) = Range(changed.Length);
            switch (random.Next(6))
            {
                case 0:
                    changed[start] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    changed.AsSpan(start, Math.Min(8, changed.Length - start)).Fill(Of<byte>([0, 1, 0x7F, 0x80, 0xFF]));
                    break;
                case 2:
                    changed = changed[..start];
                    break;
                case 3:
                    changed = [.. changed[..start], .. changed[(start + length)..]];
                    break;
                case 4:
                    changed = [.. changed[..(start + length)], .. changed[start..]];
                    break;
                default:
                    random.NextBytes(changed.AsSpan(start, Math.Min(random.Next(1, 16), changed.Length - start)));
                    break;
            }
        }

        return changed;
    }

    /// <summary>An element, one part of which says something else; well-formed.</summary>
    public XElement Change(XElement element)
    {
        var changed = new XElement(element);
        for (var times = random.Next(1, 4); times > 0; times--)
        {
            var place = Of(changed.DescendantsAndSelf().ToList());
            var attributes = place.Attributes().Where(attribute => !attribute.IsNamespaceDeclaration).ToList();
            switch (random.Next(7))
            {
                case 0 when attributes.Count > 0:
                    Of(attributes).Remove();
                    break;
                case 1 or 2 when attributes.Count > 0:
                    var attribute = Of(attributes);
                    attribute.Value = Legal(Change(attribute.Value));
                    break;
                case 3 when place.Parent is not null:
                    place.Remove();
                    break;
                case 4 when place.Parent is not null:
                    place.AddAfterSelf(new XElement(place));
                    break;
                case 5 when !place.HasElements:
                    place.Value = Legal(Change(place.Value));
                    break;
                default:
                    place.SetAttributeValue(Of(["index", "type", "target", "domain", "nonce", "group", "name"]), Legal(Of(Pieces)));
                    break;
            }
        }

        return changed;
    }

    private string ChangeOnce(string text)
    {
        var (start, length) = Range(text.Length);
        return random.Next(9) switch
        {
            0 => text[..start],
            1 => text[..start] + text[(start + length)..],
            2 => text[..(start + length)] + text[start..],
            3 when text.Length > 0 =>
                text[..start] + (char)(text[Math.Min(start, text.Length - 1)] ^ (1 << random.Next(8))) + text[Math.Min(start + 1, text.Length)..],
            4 => text[..start] + Of(Pieces) + text[(start + length)..],
            5 => Of(Pieces) + text,
            6 when random.Next(20) == 0 => text[..start] + Repeated() + text[start..],
            _ => text[..start] + Of(Pieces) + text[start..],
        };
    }

    /// <summary>Very long, or deeply nested.</summary>
    private string Repeated()
    {
        var piece = Of(["a", "[", "{\"a\":", "<a>", "<a b='c'>", "*", "/a", "../", "\0", "\uD800", "file:", "0", " "]);
        var times = Of([900, 5_000, Longest / piece.Length]);
        var text = new StringBuilder(piece.Length * times).Insert(0, piece, times);
        return piece == "<a>" ? text.Insert(text.Length, "</a>", times).ToString() : text.ToString();
    }

    private (int Start, int Length) Range(int length)
    {
        var start = random.Next(length + 1);
        return (start == length && length > 0 ? length - 1 : start, Math.Min(random.Next(1, 12), length - Math.Min(start, Math.Max(length - 1, 0))));
    }

    /// <summary>What XML cannot hold, nobody can write into a domain's metadata.</summary>
    private static string Legal(string text)
    {
        var legal = new StringBuilder();
        for (var i = 0; i < text.Length; i++)
        {
            if (i + 1 < text.Length && XmlConvert.IsXmlSurrogatePair(text[i + 1], text[i]))
            {
                legal.Append(text, i++, 2);
            }
            else if (XmlConvert.IsXmlChar(text[i]))
            {
                legal.Append(text[i]);
            }
        }

        return legal.ToString();
    }
}
