using System.Collections;
using System.Collections.ObjectModel;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Security;

namespace VirtSnapshot.Shell;

/// <summary>Asks: at the terminal, or of the lines that standard input holds ready.</summary>
internal sealed partial class ShellUserInterface
{
    public override string ReadLine() => Ask("");

    public override SecureString ReadLineAsSecureString() => AskSecret("");

    public override int PromptForChoice(string caption, string message, Collection<ChoiceDescription> choices, int defaultChoice)
    {
        WriteHeading(caption, message);
        (string Key, string Label)[] answers = [.. choices.Select(Answer)];
        string offer = string.Concat(answers.Select(a => $"[{a.Key}] {a.Label}  "));
        string standard = defaultChoice >= 0 ? $" (default is \"{answers[defaultChoice].Key}\")" : "";
        while (true)
        {
            string answer = Ask($"{offer}[?] Help{standard}: ").Trim();
            if (answer.Length == 0 && defaultChoice >= 0)
            {
                return defaultChoice;
            }

            int chosen = Array.FindIndex(answers, a => Same(a.Key, answer) || Same(a.Label, answer));
            if (chosen >= 0)
            {
                return chosen;
            }

            if (answer == "?")
            {
                for (int i = 0; i < answers.Length; i++)
                {
                    WriteLine($"{answers[i].Key} - {choices[i].HelpMessage}");
                }
            }
        }

        // "Yes to &All": the letter after the ampersand is the short answer.
        static (string Key, string Label) Answer(ChoiceDescription choice)
        {
            int ampersand = choice.Label.IndexOf('&', StringComparison.Ordinal);
            string label = choice.Label.Replace("&", "", StringComparison.Ordinal);
            return (ampersand >= 0 && ampersand < label.Length ? label[ampersand..(ampersand + 1)].ToUpperInvariant() : label, label);
        }

        static bool Same(string a, string b) => a.Equals(b, StringComparison.OrdinalIgnoreCase);
    }

    public override Dictionary<string, PSObject> Prompt(string caption, string message, Collection<FieldDescription> descriptions)
    {
        WriteHeading(caption, message);
        return descriptions.ToDictionary(field => field.Name, field => PSObject.AsPSObject(AskField(field)));
    }

    public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName) =>
        PromptForCredential(caption, message, userName, targetName, PSCredentialTypes.Default, PSCredentialUIOptions.Default);

    public override PSCredential PromptForCredential(
        string caption,
        string message,
        string userName,
        string targetName,
        PSCredentialTypes allowedCredentialTypes,
        PSCredentialUIOptions options)
    {
        WriteHeading(caption, message);
        string name = string.IsNullOrEmpty(userName) ? Ask("User: ") : userName;
        return new PSCredential(name, AskSecret($"Password for user {name}: "));
    }

    private void WriteHeading(string caption, string message)
    {
        if (_nonInteractive)
        {
            throw Unaskable(message);
        }

        WriteLine();
        foreach (string line in new[] { caption, message }.Where(l => !string.IsNullOrEmpty(l)))
        {
            WriteLine(line == caption ? Coloured(PSStyle.Instance.Bold, line) : line);
        }
    }

    private object? AskField(FieldDescription field)
    {
        Type type = LanguagePrimitives.TryConvertTo(field.ParameterAssemblyFullName, out Type? found) && found is not null
            ? found
            : Type.GetType(field.ParameterAssemblyFullName) ?? typeof(string);

        if (type == typeof(SecureString))
        {
            return AskSecret($"{field.Name}: ");
        }

        if (type == typeof(PSCredential))
        {
            return PromptForCredential("", "", "", "");
        }

        if (type.IsAssignableTo(typeof(IList)))
        {
            ArrayList items = [];
            while (Ask(string.Create(CultureInfo.InvariantCulture, $"{field.Name}[{items.Count}]: ")) is { Length: > 0 } item)
            {
                items.Add(item);
            }

            return LanguagePrimitives.ConvertTo(items, type, CultureInfo.InvariantCulture);
        }

        while (true)
        {
            try
            {
                return LanguagePrimitives.ConvertTo(Ask($"{field.Name}: "), type, CultureInfo.InvariantCulture);
            }
            catch (PSInvalidCastException e) when (IsInteractive)
            {
                WriteErrorLine(e.Message);
            }
        }
    }

    private SecureString AskSecret(string prompt)
    {
        SecureString secret = new();
        foreach (char character in Ask(prompt, secret: true))
        {
            secret.AppendChar(character);
        }

        secret.MakeReadOnly();
        return secret;
    }

    private string Ask(string prompt, bool secret = false)
    {
        if (_nonInteractive)
        {
            throw Unaskable(prompt);
        }

        HideProgress();
        try
        {
            string? answer;
            if (ConsoleInput.IsTerminal)
            {
                answer = _editor.ReadLine(prompt, mask: secret, _stop.Token);
            }
            else
            {
                Write(prompt);
                answer = _input.ReadLine(_stop.Token);
                WriteLine();
            }

            return answer ?? throw new PSInvalidOperationException(
                $"Standard input has ended without an answer to: {prompt.Trim()}");
        }
        catch (OperationCanceledException)
        {
            if (!_stop.Token.IsCancellationRequested)
            {
                _stop.Request(StopSignals.Interrupt);
            }

            throw new PipelineStoppedException();
        }
    }

    private static PSInvalidOperationException Unaskable(string question) =>
        new($"The shell runs with -NonInteractive and cannot ask: {question.Trim()}");
}
