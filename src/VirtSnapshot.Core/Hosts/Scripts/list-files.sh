# Lists the entries of a folder that are not folders, each name ended with NUL. Argument: the folder.
cd -- "$1" || exit 1
for name in * .*; do
    { [ -e "$name" ] || [ -h "$name" ]; } && [ ! -d "$name" ] && printf '%s\0' "$name"
done
exit 0
