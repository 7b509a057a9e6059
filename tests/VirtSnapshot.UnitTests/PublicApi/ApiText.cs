using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;

namespace VirtSnapshot.UnitTests.PublicApi;

/// <summary>Renders what an assembly shows to others: one line for each type and member, sorted.</summary>
internal static class ApiText
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly NullabilityInfoContext Nullability = new();

    public static string Of(Assembly assembly)
    {
        var text = new StringBuilder();
        foreach (var type in assembly.GetExportedTypes().OrderBy(type => type.FullName, StringComparer.Ordinal))
        {
            text.Append(Head(type)).Append('\n');
            foreach (var line in Members(type).Order(StringComparer.Ordinal))
            {
                text.Append("    ").Append(line).Append('\n');
            }
        }

        return text.ToString();
    }

    private static string Head(Type type)
    {
        var kind = type switch
        {
            { IsEnum: true } => "enum",
            { IsInterface: true } => "interface",
            { IsValueType: true } => "struct",
            { IsAbstract: true, IsSealed: true } => "static class",
            { IsSealed: true } => "sealed class",
            { IsAbstract: true } => "abstract class",
            _ => "class",
        };
        var bases = new[] { type.BaseType }
            .Where(super => super is not null && super != typeof(object) && super != typeof(ValueType) && super != typeof(Enum))
            .Concat(type.GetInterfaces()
                .Where(role => !type.IsEnum && role.Namespace!.StartsWith("System", StringComparison.Ordinal)
                && !role.Name.StartsWith("IEquatable", StringComparison.Ordinal)))
            .Select(role => Name(role!))
            .ToList();
        return $"{kind} {type.FullName}{(bases.Count == 0 ? "" : $" : {string.Join(", ", bases)}")}";
    }

    private static IEnumerable<string> Members(Type type)
    {
        if (type.IsEnum)
        {
            return Enum.GetNames(type).Select(name => $"{name} = {Convert.ToInt64(Enum.Parse(type, name), System.Globalization.CultureInfo.InvariantCulture)}");
        }

        return type.GetFields(Declared).Where(field => field.IsPublic || field.IsFamily).Select(field => $"{(field.IsLiteral ? "const " : field.IsStatic ? "static " : "")}{Name(field.FieldType)} {field.Name}")
            .Concat(type.GetConstructors(Declared).Where(IsShown).Select(ctor => $"new({Parameters(ctor)})"))
            .Concat(type.GetProperties(Declared).Where(property => property.GetAccessors(true).Any(IsShown)).Select(Property))
            .Concat(type.GetMethods(Declared)
                .Where(method => IsShown(method) && !method.IsSpecialName && !method.IsDefined(typeof(CompilerGeneratedAttribute)))
                .Select(method => $"{(method.IsStatic ? "static " : "")}{Name(Nullability.Create(method.ReturnParameter))} {method.Name}({Parameters(method)})"));
    }

    private static string Property(PropertyInfo property)
    {
        var set = property.SetMethod switch
        {
            null => "",
            var method when !IsShown(method) => "",
            var method when method.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) => " init;",
            _ => " set;",
        };
        var required = property.IsDefined(typeof(RequiredMemberAttribute)) ? "required " : "";
        var statics = property.GetAccessors(true)[0].IsStatic ? "static " : "";
        return $"{statics}{required}{Name(Nullability.Create(property))} {property.Name} {{ get;{set} }}";
    }

    private static string Parameters(MethodBase method) => string.Join(
        ", ", method.GetParameters().Select(parameter => $"{Name(Nullability.Create(parameter))} {parameter.Name}{(parameter.HasDefaultValue ? $" = {parameter.DefaultValue ?? "default"}" : "")}"));

    private static bool IsShown(MethodBase method) => method.IsPublic || (method.IsFamily && !method.DeclaringType!.IsSealed);

    private static string Name(NullabilityInfo info)
    {
        var name = info.GenericTypeArguments.Length > 0 && Nullable.GetUnderlyingType(info.Type) is null
            ? $"{Plain(info.Type)}<{string.Join(", ", info.GenericTypeArguments.Select(Name))}>"
            : Name(info.Type);
        return !info.Type.IsValueType && info.ReadState == NullabilityState.Nullable ? $"{name}?" : name;
    }

    private static string Name(Type type) => Nullable.GetUnderlyingType(type) is { } underlying
        ? $"{Name(underlying)}?"
        : type.IsGenericType ? $"{Plain(type)}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>" : Plain(type);

    private static string Plain(Type type) => type.Name.Split('`')[0];
}
