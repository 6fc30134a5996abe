//! The shell text that receives a script and becomes it.
//!
//! The script arrives on standard input and is kept in a file that has no name any more: nothing
//! stays on disk whatever happens, no process list shows it, and its size is not limited as that
//! of an argument is (Linux: 131,071 bytes). The shell then replaces itself with the interpreter,
//! so exit code, signals and process id are the script's own.
//!
//! The text may go through the user's login shell, whatever that is. So it is one line without
//! single quotes, backslashes and exclamation marks, and uses nothing POSIX does not have.

use std::fmt::Write as _;

use super::StatusBy;
use crate::{Interpreter, quote};

/// `$1` nonce, `$2` size of the script in bytes, `$3` interpreter.
///
/// It writes to standard output, each line starting with the nonce:
/// `pid N` at once, then either `run`, after which every byte is the script's, or `failed WHY`.
const RECEIVE: &[&str] = &[
    r#"n=$1; echo "$n pid $$""#,
    r#"fail() { echo "$n failed $1"; exit 1; }"#,
    // The first directory where a file can be made. noclobber (-C) means O_EXCL: no file or link
    // somebody put there is ever written to. In a subshell, because a failed redirection may end
    // a shell.
    r#"f=; for d in "${TMPDIR:-/tmp}" /dev/shm /var/tmp "$HOME"; do if [ -n "$d" ]; then f=$d/.script-$n; if ( umask 077; set -C; : >"$f" ) 2>/dev/null; then break; fi; f=; fi; done"#,
    r#"if [ -z "$f" ]; then fail "no directory can be written to (tried ${TMPDIR:-/tmp}, /dev/shm, /var/tmp and ${HOME:-no home})"; fi"#,
    r#"exec 8>"$f" 9<"$f"; rm -f "$f""#,
    r#"e=$(cat 2>&1 >&8) || fail "$d: $e""#,
    r#"exec 8>&-"#,
    r#"s=/dev/fd/9; [ -r $s ] || s=/proc/self/fd/9; [ -r $s ] || fail "neither /dev/fd nor /proc is there""#,
    r#"g=$(($(wc -c <$s))); [ "$g" -eq "$2" ] || fail "$g of $2 bytes arrived""#,
    r#"i=$3; if [ "$i" = auto ]; then if command -v bash >/dev/null 2>&1; then i=bash; else i=sh; fi; fi"#,
    r#"echo "$n run""#,
];

/// Becomes the script. Some shells close descriptors above 2 on exec unless they are named.
const BECOME: &str = r#"exec $i $s </dev/null 9<&9"#;

/// Waits for the script and says how it ended.
const REPORT: &[&str] = &[
    // It leads the script's process group and must outlive a signal to all of that. A trap, and
    // not to ignore it: what is ignored stays so in the script.
    r#"trap : HUP INT TERM"#,
    // Shells remark on a signal that ended a command, which is no output of the script's. The
    // subshell becomes the script: of a plain command some shells redirect themselves.
    r#"{ ( exec $i $s </dev/null 9<&9 2>&7 7>&- ); c=$?; } 7>&2 2>/dev/null"#,
    r#"echo "$n exit $c"; exit $c"#,
];

/// The command that receives a script of `size` bytes.
pub(super) fn receive(
    nonce: &str,
    size: usize,
    interpreter: Interpreter,
    status: StatusBy,
) -> Vec<String> {
    let interpreter = match interpreter {
        Interpreter::BashOrSh => "auto",
        Interpreter::Bash => "bash",
        Interpreter::Sh => "sh",
    };
    let last = match status {
        StatusBy::Protocol => &[BECOME],
        StatusBy::Output => REPORT,
    };
    command(&[RECEIVE, last].concat(), &[nonce, &size.to_string(), interpreter])
}

/// `$1` process group, `$2` grace in tenths of a second.
///
/// It exits with 0 when nobody of the group is left, and with 1 when somebody is. A zombie is
/// nobody: its parent may never collect it.
const END: &[&str] = &[
    // A server that runs commands in a group of its own makes the script lead no group; then only
    // the script's own process is ended, and 2 says so.
    r#"p=$1; t=$2; k=0; g=-$p; kill -0 $g 2>/dev/null || { kill -0 $p 2>/dev/null || exit 0; g=$p; }"#,
    r#"alive() { kill -0 $g 2>/dev/null || return 1; [ $g = $p ] && return 0; [ -r /proc/self/stat ] || return 0; for s in /proc/[0-9]*/stat; do { read -r l <$s; } 2>/dev/null || continue; set -- ${l##*) }; if [ "$3" = "$p" ] && [ "$1" != Z ] && [ "$1" != X ]; then return 0; fi; done; return 1; }"#,
    // Rare polls cost less; the first second is when nearly everything ends.
    r#"nap() { if [ $k -lt 10 ]; then d=0.1; q=1; else d=0.5; q=5; fi; k=$((k+1)); sleep $d 2>/dev/null || { sleep 1; q=10; }; t=$((t-q)); }"#,
    r#"kill -TERM $g 2>/dev/null"#,
    r#"while alive && [ $t -gt 0 ]; do nap; done"#,
    r#"kill -KILL $g 2>/dev/null"#,
    r#"t=30; k=0; while alive; do [ $t -gt 0 ] || exit 1; nap; done"#,
    r#"[ $g = $p ] && exit 2; exit 0"#,
];

/// The command that ends a process group: TERM, after `grace_tenths` KILL.
pub(super) fn end_group(group: u32, grace_tenths: u128) -> Vec<String> {
    command(END, &[&group.to_string(), &grace_tenths.to_string()])
}

fn command(lines: &[&str], arguments: &[&str]) -> Vec<String> {
    let words = ["sh", "-c", &lines.join("; "), "sh"];
    words.iter().chain(arguments).map(|word| (*word).to_owned()).collect()
}

/// The line that lets a login shell become a command of [`Commands`](super::Commands).
///
/// ```
/// let words = ["sh", "-c", "exit 3"].map(str::to_owned);
/// assert_eq!(fargate_core::transport::command_line(&words), "exec sh -c 'exit 3'");
/// ```
#[must_use]
pub fn command_line(command: &[String]) -> String {
    let mut line = String::from("exec");
    for word in command {
        let plain = !word.is_empty()
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
        // Writing to a string cannot fail.
        if plain { write!(line, " {word}") } else { write!(line, " {}", quote(word)) }.ok();
    }
    line
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
    use std::process::{Command, Output, Stdio};

    use super::*;

    #[test]
    fn any_login_shell_passes_the_text_on_unchanged() {
        for lines in [RECEIVE, END, &[BECOME], REPORT] {
            for line in lines {
                assert!(!line.contains(['\'', '\\', '\n', '`']), "{line}");
                assert!(line.is_ascii());
            }
        }
    }

    #[test]
    fn the_command_stays_small_whatever_the_script() {
        for status in [StatusBy::Protocol, StatusBy::Output] {
            let command = receive(&"f".repeat(32), usize::MAX, Interpreter::BashOrSh, status);
            assert!(command_line(&command).len() < 4096);
        }
    }

    /// Runs a command as the SSH server does, with `input` as all of its standard input.
    fn run(login_shell: &str, command: &[String], input: &[u8]) -> Output {
        let mut child = Command::new(login_shell)
            .process_group(0)
            .args(["-c", &command_line(command)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell");
        child.stdin.take().expect("a pipe").write_all(input).expect("it reads all");
        child.wait_with_output().expect("an end")
    }

    #[test]
    fn a_whole_script_runs_and_a_part_of_one_does_not() {
        let script = b"echo ran; exit 7\n";
        let command = receive("0f", script.len(), Interpreter::Sh, StatusBy::Protocol);
        for shell in ["sh", "bash"] {
            let whole = run(shell, &command, script);
            let text = String::from_utf8(whole.stdout).unwrap();
            assert!(text.starts_with("0f pid ") && text.ends_with("\n0f run\nran\n"), "{text}");
            assert_eq!(whole.status.code(), Some(7));
            assert!(whole.stderr.is_empty());

            let part = run(shell, &command, &script[..9]);
            let text = String::from_utf8(part.stdout).unwrap();
            assert!(text.ends_with("\n0f failed 9 of 17 bytes arrived\n"), "{text}");
            assert!(!text.contains("ran"));
        }
    }

    #[test]
    fn the_receiving_shell_can_say_how_the_script_ended() {
        let ended = |shell: &str, script: &str| {
            let mut command = receive("0f", script.len(), Interpreter::Sh, StatusBy::Output);
            command[0] = shell.to_owned();
            let output = run("sh", &command, script.as_bytes());
            assert_eq!(String::from_utf8_lossy(&output.stderr), "", "the shell remarks on nothing");
            let text = String::from_utf8(output.stdout).unwrap();
            (text.split_once("0f run\n").unwrap().1.to_owned(), output.status.code())
        };
        for shell in ["sh", "bash"] {
            for (script, output, code) in [
                ("printf x; exit 7", "x0f exit 7\n", 7),
                ("kill -KILL $$", "0f exit 137\n", 137),
                // A signal to its whole group, of which the receiving shell is one.
                ("kill -TERM 0; sleep 60", "0f exit 143\n", 143),
                ("trap : TERM; kill 0; exit 5", "0f exit 5\n", 5),
                ("", "0f exit 0\n", 0),
            ] {
                assert_eq!(
                    ended(shell, script),
                    (output.to_owned(), Some(code)),
                    "{shell}: {script}"
                );
            }
        }
    }

    #[test]
    fn an_interpreter_that_is_missing_is_told_either_way() {
        for status in [StatusBy::Protocol, StatusBy::Output] {
            let mut command = receive("0f", 0, Interpreter::Sh, status);
            *command.last_mut().unwrap() = "no-such-shell".to_owned();
            for shell in ["sh", "bash"] {
                command[0] = shell.to_owned();
                let output = run("sh", &command, b"");
                let said = String::from_utf8(output.stderr).unwrap();
                assert!(said.contains("no-such-shell"), "{status:?} {shell}: {said}");
                assert_eq!(output.status.code(), Some(127));
            }
        }
    }

    #[test]
    fn ending_a_group_kills_what_ignores_term_and_does_not_count_zombies() {
        let mut stubborn = Command::new("sh")
            .args(["-c", "trap '' TERM; echo up; sleep 600 & wait; sleep 600"])
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut up = [0; 3];
        stubborn.stdout.take().unwrap().read_exact(&mut up).unwrap();
        // Nobody collects the child while the command runs: it stays a zombie.
        let ended = run("sh", &end_group(stubborn.id(), 3), b"");
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert_eq!(stubborn.try_wait().unwrap().expect("dead").signal(), Some(9));
        // Once more, when there is nothing left.
        assert_eq!(run("sh", &end_group(stubborn.id(), 3), b"").status.code(), Some(0));
    }
}
