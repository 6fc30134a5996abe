//! A real OpenSSH server on loopback.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const SSHD: &str = "/usr/sbin/sshd";

/// How an [`Sshd`] is set up.
#[derive(Debug, Clone)]
pub struct SshdOptions {
    /// The address it listens on; all of 127.0.0.0/8 is local.
    pub address: Ipv4Addr,
    /// The port; `None` takes a free one.
    pub port: Option<u16>,
    /// Lines of the `authorized_keys` file.
    pub authorized_keys: Vec<String>,
    /// Host key types as `ssh-keygen -t` knows them.
    pub host_key_types: Vec<&'static str>,
    /// More lines for `sshd_config`; the first value of a setting counts, and these come first.
    pub settings: Vec<String>,
}

impl Default for SshdOptions {
    fn default() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST,
            port: None,
            authorized_keys: Vec::new(),
            host_key_types: vec!["ed25519"],
            settings: Vec::new(),
        }
    }
}

/// A running `sshd`. Dropping it kills it and everything its sessions started.
#[derive(Debug)]
pub struct Sshd {
    options: SshdOptions,
    port: u16,
    directory: TempDir,
    listener: Option<Child>,
    log: Arc<Mutex<String>>,
}

impl Sshd {
    /// Starts a server that accepts `authorized_key`.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(authorized_key: &str) -> Self {
        Self::start_with(SshdOptions {
            authorized_keys: vec![authorized_key.to_owned()],
            ..SshdOptions::default()
        })
    }

    /// Starts a server.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start_with(options: SshdOptions) -> Self {
        assert!(
            Path::new(SSHD).exists(),
            "{SSHD} is missing: install openssh-server (apt-get install openssh-server)"
        );
        // sshd refuses to start without its privilege separation directory.
        fs::create_dir_all("/run/sshd").expect("/run/sshd (run the tests as root)");
        let directory = tempfile::Builder::new().prefix("sshd-").tempdir().expect("a directory");
        fs::create_dir(directory.path().join("home")).expect("a home directory");
        let mut sshd = Self {
            options,
            port: 0,
            directory,
            listener: None,
            log: Arc::new(Mutex::new(String::new())),
        };
        sshd.set_authorized_keys();
        sshd.make_host_keys();
        // Between finding a free port and taking it somebody else may take it.
        for _ in 0..20 {
            sshd.port = sshd.options.port.unwrap_or_else(|| free_port(sshd.options.address));
            if sshd.listen() {
                return sshd;
            }
        }
        panic!("sshd does not listen on {}: {}", sshd.options.address, sshd.log());
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.options.address
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The user to log in as.
    #[must_use]
    pub fn user(&self) -> &'static str {
        "root"
    }

    /// The home directory its sessions see.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    /// The first host key in OpenSSH's one-line form, without a comment.
    ///
    /// # Panics
    /// When the key file cannot be read.
    #[must_use]
    pub fn host_key_line(&self) -> String {
        let file = self.host_key_file(self.options.host_key_types[0]).with_extension("pub");
        let line = fs::read_to_string(file).expect("a public host key");
        line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    /// What the server has written to its log.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Starts again on the same port as another server would: with new host keys.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn restart_with_new_host_key(&mut self) {
        self.stop();
        for kind in &self.options.host_key_types {
            fs::remove_file(self.host_key_file(kind)).expect("the old host key");
        }
        self.make_host_keys();
        assert!(self.listen(), "sshd does not start again: {}", self.log());
    }

    /// Starts again on the same port with the same keys, after [`stop`](Self::stop).
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn restart(&mut self) {
        self.stop();
        assert!(self.listen(), "sshd does not start again: {}", self.log());
    }

    /// Kills the server and its sessions, not what the sessions started.
    pub fn stop(&mut self) {
        let Some(mut listener) = self.listener.take() else { return };
        let servers = servers(listener.id());
        // A killed child is always collected; the rest may already be gone.
        listener.kill().ok();
        listener.wait().ok();
        signal(&servers, Signal::KILL);
    }

    /// Kills the sessions; new ones are accepted.
    pub fn kill_sessions(&self) {
        if let Some(listener) = &self.listener {
            let mut servers = servers(listener.id());
            servers.retain(|pid| *pid != listener.id());
            signal(&servers, Signal::KILL);
        }
    }

    /// Stops the server and its sessions in their tracks: connections stay open and silent.
    pub fn pause(&self) {
        if let Some(listener) = &self.listener {
            signal(&servers(listener.id()), Signal::STOP);
        }
    }

    /// Lets them go on after [`pause`](Self::pause).
    pub fn resume(&self) {
        if let Some(listener) = &self.listener {
            signal(&servers(listener.id()), Signal::CONT);
        }
    }

    fn host_key_file(&self, kind: &str) -> PathBuf {
        self.directory.path().join(format!("host_{kind}"))
    }

    fn set_authorized_keys(&self) {
        let mut text = self.options.authorized_keys.join("\n");
        text.push('\n');
        fs::write(self.directory.path().join("authorized_keys"), text).expect("authorized_keys");
    }

    fn make_host_keys(&self) {
        for kind in &self.options.host_key_types {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", kind, "-N", "", "-C", "", "-f"])
                .arg(self.host_key_file(kind))
                .status()
                .expect("ssh-keygen: install openssh-client");
            assert!(made.success(), "ssh-keygen failed");
        }
    }

    fn listen(&mut self) -> bool {
        let directory = self.directory.path().display();
        let Self { options, port, .. } = &*self;
        let mut config = options.settings.join("\n");
        config.push_str(&format!(
            "\nListenAddress {}:{port}\nPidFile none\nAuthorizedKeysFile {directory}/authorized_keys\n\
             StrictModes no\nUsePAM no\nPermitRootLogin yes\nMaxSessions 100\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             SetEnv HOME={directory}/home {}={directory}\n",
            options.address, MARK
        ));
        // Of this one setting the last value counts.
        if !options.settings.iter().any(|line| line.starts_with("MaxStartups")) {
            config.push_str("MaxStartups 100\n");
        }
        for kind in &options.host_key_types {
            config.push_str(&format!("HostKey {}\n", self.host_key_file(kind).display()));
        }
        let file = self.directory.path().join("sshd_config");
        fs::write(&file, config).expect("sshd_config");

        let mut child = Command::new(SSHD)
            .args(["-D", "-e", "-f"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sshd");
        let mut log = BufReader::new(child.stderr.take().expect("a pipe"));
        loop {
            let mut line = String::new();
            if log.read_line(&mut line).unwrap_or(0) == 0 {
                // It ended: the port is taken, or the configuration is wrong (see the log).
                child.wait().ok();
                return false;
            }
            self.log.lock().unwrap_or_else(PoisonError::into_inner).push_str(&line);
            if line.contains("Server listening on") {
                break;
            }
        }
        let kept = Arc::clone(&self.log);
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        self.listener = Some(child);
        true
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stop();
        // Whatever the sessions started carries the mark, daemons too.
        let mark = format!("{MARK}={}", self.directory.path().display());
        let marked: Vec<u32> = processes()
            .filter(|pid| {
                fs::read(format!("/proc/{pid}/environ"))
                    .is_ok_and(|all| all.split(|byte| *byte == 0).any(|one| one == mark.as_bytes()))
            })
            .collect();
        signal(&marked, Signal::KILL);
    }
}

/// In the environment of everything a session starts.
const MARK: &str = "TEST_SSHD";

fn free_port(address: Ipv4Addr) -> u16 {
    let listener = TcpListener::bind((address, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn processes() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc")
        .expect("/proc")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// The name and the parent of a process (proc_pid_stat(5)).
fn name_and_parent(pid: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, tail) = stat.rsplit_once(") ")?;
    let (_, name) = head.split_once('(')?;
    Some((name.to_owned(), tail.split(' ').nth(1)?.parse().ok()?))
}

/// The listener and its descendants that are still `sshd` themselves.
fn servers(listener: u32) -> Vec<u32> {
    let all: Vec<_> = processes()
        .filter_map(|pid| name_and_parent(pid).map(|(name, parent)| (pid, name, parent)))
        .filter(|(_, name, _)| name.starts_with("sshd"))
        .collect();
    let mut found = vec![listener];
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        found.extend(all.iter().filter(|(_, _, of)| *of == parent).map(|(pid, _, _)| *pid));
        next += 1;
    }
    found
}

fn signal(pids: &[u32], signal: Signal) {
    for pid in pids {
        // It may have ended by itself.
        if let Some(pid) = i32::try_from(*pid).ok().and_then(Pid::from_raw) {
            kill_process(pid, signal).ok();
        }
    }
}
