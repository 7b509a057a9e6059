# Prints the user id, the host name, and, if the user is not root, the result of sudo: "yes", "missing" or its error message.
id -u
uname -n
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo missing
    elif errors=$(sudo -n true 2>&1); then
        echo yes
    else
        printf '%s\n' "$errors" | tr '\n' ' '
    fi
fi
