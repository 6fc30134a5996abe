use fargate_core::quote;

/// A stage's script in the shape GitLab Runner's bash shell writes: the body is one quoted word
/// given to `eval`, with its standard input detached.
///
/// `body` is bytes, not text; it must not hold a zero byte.
#[must_use]
pub fn stage_script(body: &[u8], variables: &[(String, String)]) -> Vec<u8> {
    let mut inner = Vec::new();
    for (name, value) in variables {
        inner.extend_from_slice(format!("export {name}={}\n", quote(value)).as_bytes());
    }
    inner.extend_from_slice(body);
    let mut script = b"#!/usr/bin/env bash\n\n\
        if set -o | grep pipefail > /dev/null; then set -o pipefail; fi; set -o errexit\n\
        set +o noclobber\n\
        : | eval '"
        .to_vec();
    for byte in inner {
        match byte {
            b'\'' => script.extend_from_slice(b"'\\''"),
            byte => script.push(byte),
        }
    }
    script.extend_from_slice(b"'\nexit 0\n");
    script
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Output, Stdio};

    use super::*;

    fn run(body: &[u8], variables: &[(&str, &str)]) -> Output {
        let variables: Vec<_> =
            variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&stage_script(body, &variables)).unwrap();
        Command::new("bash").arg(file.path()).stdin(Stdio::null()).output().unwrap()
    }

    #[test]
    fn the_scripts_exit_code_and_bytes_come_through() {
        let out = run(b"printf '%s' '\xff'; exit 7", &[]);
        assert_eq!((out.status.code(), out.stdout.as_slice()), (Some(7), &b"\xff"[..]));
    }

    #[test]
    fn the_first_failing_command_ends_it() {
        let out = run(b"echo one\nfalse | cat\necho two\n", &[]);
        assert_eq!((out.status.code(), out.stdout.as_slice()), (Some(1), &b"one\n"[..]));
    }

    #[test]
    fn variables_keep_every_character() {
        let value = "it's $HOME \"x\" \\ \n`id`";
        assert_eq!(run(b"printf '%s' \"$A\"", &[("A", value)]).stdout, value.as_bytes());
    }
}
