# Tells of each path what stands there, in fields that end with NUL: kind, path, value.
#   i  the facts (see FileFacts), a link not followed      t  of a link: the facts, the link followed
#   h  a file's first bytes, in hexadecimal                d  a folder: 1 where it can be written to, free blocks, their size
#   e  (path: i or t) how many paths failed otherwise than that nothing stands there: then the silence on a path says nothing
facts='%d %i %f %u %g %s %t %T'
# The shell itself does what it can: a look happens often, and on a slow host each process that is started is felt.
tell_facts() {
    kind=$1
    shift
    failed=0 said=
    [ $# -eq 0 ] || said=$(stat $follow --printf="$kind\\0%n\\0$facts\\0" -- "$@" 2>&1 >&4)
    while IFS= read -r line; do
        case $line in
        '' | *': No such file or directory' | *': Not a directory') ;;
        *) failed=$((failed + 1)) ;;
        esac
    done <<SAID
$said
SAID
    printf 'e\0%s\0%s\0' "$kind" "$failed"
}
exec 4>&1
follow=
tell_facts i "$@"
for path; do
    shift
    [ -h "$path" ] && set -- "$@" "$path"
    if [ -f "$path" ] || [ -b "$path" ]; then
        head=$(od -An -v -tx1 -N 4096 -- "$path" 2>/dev/null) && printf 'h\0%s\0%s\0' "$path" "$head"
    elif [ -d "$path" ]; then
        writable=0
        [ -w "$path" ] && [ -x "$path" ] && writable=1
        stat -f --printf="d\\0%n\\000$writable %a %S\\0" -- "$path" 2>/dev/null
    fi
done
follow=-L
tell_facts t "$@"
exit 0
