# Lists open files in fields that end with NUL: kind, owner, value.
#   f, b  an open file or folder (device and inode) or block device (its numbers), owner: /proc/PID/fd/N
#   a     one argument of a process, as "PID/cmdline:ARGUMENT"; no value
#   l     the file behind a loop device (its attributes), owner: the device
# An open file of this script: an empty list means that find failed.
exec 5</proc/self/stat
find -L /proc/[0-9]*/fd -mindepth 1 -maxdepth 1 \
    \( \( -type f -o -type d \) -printf 'f\0%p\0%D %i\0' -o -type b -exec stat -L --printf='b\0%n\0%t %T\0' {} + \) 2>/dev/null
# A process whose current or root folder is in a file system keeps it busy, too.
find -L /proc/[0-9]*/cwd /proc/[0-9]*/root -maxdepth 0 -type d -printf 'f\0%p\0%D %i\0' 2>/dev/null
cd /proc || exit 1
grep -a -z -H '' [0-9]*/cmdline 2>/dev/null | sed -z 's/^/a\x00/'
for setting in /sys/block/loop*/loop/backing_file; do
    [ -e "$setting" ] || continue
    # The name ends with a newline, and may contain newlines.
    file=$(cat "$setting" 2>/dev/null; printf x)
    file=${file%x}
    device=${setting#/sys/block/}
    facts=$(stat -L -c '%d %i %f %u %g %s %t %T' -- "${file%?}" 2>/dev/null) && printf 'l\0%s\0%s\0' "/dev/${device%%/*}" "$facts"
done
exit 0
