# Becomes the program of a container. Runs as the first process of its namespaces.
# Arguments: the tree of the image, the directory of the container, "ro" or "rw" for the root, the
# working directory, three for each mount (what, where, "ro" or "rw"), "--", and then, for env(1), the
# variables of the program and the command that enters the root and starts it.
exec 2>&1
tree=$1 own=$2 access=$3 place=$4
shift 4
root=$own/root

# A link in the image must not lead out of it.
inside() {
    case "$(realpath -m "$root$1")/" in
    "$root"/*) ;;
    *)
        echo "$1 leads out of the image" >&2
        exit 1
        ;;
    esac
}

mkdir -p "$root" "$own/upper" "$own/work"
mount -t overlay overlay -o "lowerdir=$tree,upperdir=$own/upper,workdir=$own/work" "$root"
inside "$place"
mkdir -p "$root/proc" "$root/dev" "$root/etc" "$root$place"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty "$root/dev/"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"

while [ "$1" != -- ]; do
    inside "$2"
    if [ -d "$1" ]; then
        mkdir -p "$root$2"
    else
        mkdir -p "$root${2%/*}"
        touch "$root$2"
    fi
    mount --bind "$1" "$root$2"
    if [ "$3" = ro ]; then
        mount -o remount,bind,ro "$root$2"
    fi
    shift 3
done
if [ "$access" = ro ]; then
    mount -o remount,bind,ro "$root"
fi
shift
: >"$own/prepared"
# What a runtime leaves root by default: the default list of Docker, which Fargate has, too.
exec setsid setpriv --bounding-set=-all,+chown,+dac_override,+fsetid,+fowner,+mknod,+net_raw,+setgid,\
+setuid,+setfcap,+setpcap,+net_bind_service,+sys_chroot,+kill,+audit_write env -i "$@"
