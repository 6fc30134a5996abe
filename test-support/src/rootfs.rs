//! Root file systems as containers have them, and processes that see nothing else.
//!
//! util-linux and coreutils do the work (`unshare`, `mount`, `chroot`) and need root. What is
//! mounted is so in a mount namespace of the process's own, and gone when its last process is.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A directory that is somebody's root directory.
#[derive(Debug)]
pub struct Rootfs(TempDir);

/// How a process lives in a [`Rootfs`]. By default as a container's first process does on Fargate:
/// root with a runtime's default capabilities, in a PID namespace of its own, with `/proc` and `/dev`,
/// on a root that can be written to.
#[derive(Debug, Clone)]
pub struct Entry {
    root: PathBuf,
    user: u32,
    writable: bool,
    own_pids: bool,
    proc: bool,
    volumes: Vec<Volume>,
}

#[derive(Debug, Clone)]
struct Volume {
    /// A directory of the host's, or a file system of its own.
    source: Source,
    target: String,
    writable: bool,
}

#[derive(Debug, Clone)]
enum Source {
    Directory(PathBuf),
    Memory { bytes: u64 },
}

/// `$1` the root, `$2` whether it is writable, `$3` the user, `$4` whether there is a `/proc`; then
/// three words for each volume, `--`, and the command. Paths in full, because the `PATH` is the
/// command's.
const ENTER: &str = r#"set -e
root=$1 writable=$2 user=$3 proc=$4; shift 4
/bin/mount --bind "$root" "$root"
while [ "$1" != -- ]; do
    case $1 in
        /*) /bin/mount --bind "$1" "$root$2" ;;
        *) /bin/mount -t tmpfs -o "mode=1777,size=$1" tmpfs "$root$2" ;;
    esac
    [ "$3" = true ] || /bin/mount -o remount,bind,ro "$root$2"
    shift 3
done
shift
[ "$proc" != true ] || /bin/mount -t proc proc "$root/proc"
/bin/mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom; do
    : >"$root/dev/$device"
    /bin/mount --bind "/dev/$device" "$root/dev/$device"
done
/bin/ln -s /proc/self/fd "$root/dev/fd"
[ "$writable" = true ] || /bin/mount -o remount,bind,ro "$root"
# What a runtime leaves root by default: the default list of Docker, which Fargate has, too.
exec /usr/bin/setpriv --bounding-set=-all,+chown,+dac_override,+fsetid,+fowner,+mknod,+net_raw,\
+setgid,+setuid,+setfcap,+setpcap,+net_bind_service,+sys_chroot,+kill,+audit_write \
    /usr/sbin/chroot "--userspec=$user:$user" --groups= "$root" "$@""#;

impl Rootfs {
    /// What `FROM scratch` gives: nothing but the places where a runtime mounts things.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn empty() -> Self {
        let root = tempfile::tempdir().expect("a directory");
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).expect("its mode");
        let this = Self(root);
        this.directory("/proc", 0o555);
        this.directory("/dev", 0o755);
        this
    }

    /// As [`empty`](Self::empty), with busybox's programs in `/bin` and an empty `/tmp`: neither a
    /// libc nor a list of users nor a home.
    ///
    /// # Panics
    /// When busybox-static is not installed.
    #[must_use]
    pub fn busybox() -> Self {
        let this = Self::empty();
        this.directory("/bin", 0o755);
        this.directory("/tmp", 0o1777);
        let busybox = Path::new("/bin/busybox");
        this.program(busybox, "/bin/busybox");
        let list = Command::new(busybox).arg("--list").output().expect("busybox-static starts");
        for applet in String::from_utf8_lossy(&list.stdout).lines().filter(|&a| a != "busybox") {
            symlink("busybox", this.path().join("bin").join(applet)).expect("a link");
        }
        this
    }

    /// Where it is, seen from outside.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Makes the directory `inside`, an absolute path in it, with this mode.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn directory(&self, inside: &str, mode: u32) {
        let place = place(self.path(), inside);
        fs::create_dir_all(&place).expect("a directory");
        fs::set_permissions(place, fs::Permissions::from_mode(mode)).expect("its mode");
    }

    /// Copies the program `from` to `inside`, an absolute path in it.
    ///
    /// # Panics
    /// When it cannot be copied.
    pub fn program(&self, from: &Path, inside: &str) {
        let place = self.place_of_file(inside);
        fs::copy(from, &place)
            .unwrap_or_else(|error| panic!("{} to {inside}: {error}", from.display()));
        fs::set_permissions(place, fs::Permissions::from_mode(0o755)).expect("its mode");
    }

    /// Writes the file `inside`, an absolute path in it, with this mode.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn file(&self, inside: &str, text: &str, mode: u32) {
        let place = self.place_of_file(inside);
        fs::write(&place, text).unwrap_or_else(|error| panic!("{inside}: {error}"));
        fs::set_permissions(place, fs::Permissions::from_mode(mode)).expect("its mode");
    }

    /// Where the file `inside` goes, in a directory that is there.
    fn place_of_file(&self, inside: &str) -> PathBuf {
        let place = place(self.path(), inside);
        fs::create_dir_all(place.parent().expect("a file has a parent")).expect("a directory");
        place
    }

    /// A way into it.
    #[must_use]
    pub fn entry(&self) -> Entry {
        Entry {
            root: self.path().to_owned(),
            user: 0,
            writable: true,
            own_pids: true,
            proc: true,
            volumes: Vec::new(),
        }
    }
}

impl Entry {
    /// As this user and the group of the same number.
    #[must_use]
    pub fn user(self, user: u32) -> Self {
        Self { user, ..self }
    }

    /// On a root that cannot be written to; volumes can.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { writable: false, ..self }
    }

    /// In the caller's PID namespace: the process has the id of [`Command`]'s child, and is no
    /// namespace's first.
    #[must_use]
    pub fn shared_pids(self) -> Self {
        Self { own_pids: false, ..self }
    }

    /// Without a `/proc`.
    #[must_use]
    pub fn without_proc(self) -> Self {
        Self { proc: false, ..self }
    }

    /// With the host's directory `source` at `target`, which has to exist in the root.
    #[must_use]
    pub fn volume(mut self, source: &Path, target: &str, writable: bool) -> Self {
        let source = Source::Directory(source.to_owned());
        self.volumes.push(Volume { source, target: target.to_owned(), writable });
        self
    }

    /// With a file system of its own of this size at `target`, which has to exist in the root.
    #[must_use]
    pub fn memory(mut self, target: &str, bytes: u64) -> Self {
        let source = Source::Memory { bytes };
        self.volumes.push(Volume { source, target: target.to_owned(), writable: true });
        self
    }

    /// The command that becomes `words` in there; the first one is an absolute path. Environment
    /// and standard streams are the command's own.
    ///
    /// In a PID namespace of its own its child ends with the process and takes it along, but has
    /// another id and passes no signal on.
    #[must_use]
    pub fn command<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Command {
        let mut command = Command::new("/usr/bin/unshare");
        command.arg("--mount");
        if self.own_pids {
            command.args(["--pid", "--fork", "--kill-child=KILL"]);
        }
        command.args(["/bin/sh", "-c", ENTER, "sh"]).arg(&self.root);
        command.args([self.writable.to_string(), self.user.to_string(), self.proc.to_string()]);
        for volume in &self.volumes {
            let source = match &volume.source {
                Source::Directory(path) => path.clone().into_os_string(),
                Source::Memory { bytes } => OsString::from(bytes.to_string()),
            };
            command.arg(source).args([&volume.target, &volume.writable.to_string()]);
        }
        command.arg("--").args(words);
        command
    }
}

fn place(root: &Path, inside: &str) -> PathBuf {
    root.join(inside.trim_start_matches('/'))
}
