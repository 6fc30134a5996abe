//! `wait-port`, as a job's container calls it.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The program, told to wait.
fn wait_port(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_fargate-agent"))
        .arg("wait-port")
        .args(arguments)
        .env_remove("SSH_PUBLIC_KEY")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts")
}

fn ended(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().expect("ends");
    assert!(output.stdout.is_empty());
    (output.status.code(), String::from_utf8(output.stderr).expect("text"))
}

/// A port nobody listens on, and that nobody gets while the socket lives.
fn closed_port() -> (socket2::Socket, u16) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).expect("a port");
    let port = socket.local_addr().expect("bound").as_socket().expect("IP").port();
    (socket, port)
}

#[test]
fn port_of_a_server_that_closes_at_once_counts() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(address).unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        std::thread::spawn(move || listener.incoming().for_each(drop));
        assert_eq!(ended(wait_port(&["--timeout", "60s", &port])), (Some(0), String::new()));
    }
}

#[tokio::test]
async fn server_that_starts_late_is_waited_for() {
    let (socket, port) = closed_port();
    let mut child = wait_port(&["--timeout", "60s", &port.to_string()]);
    // Long enough for several looks; were they not repeated, it would have ended.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(child.try_wait().unwrap().is_none());
    socket.listen(8).unwrap();
    assert_eq!(ended(child), (Some(0), String::new()));
}

#[test]
fn time_that_is_over_is_told_in_one_line() {
    let (_socket, port) = closed_port();
    let (code, said) = ended(wait_port(&["--timeout", "300ms", &port.to_string()]));
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let words = format!("nothing accepted connections on port {port} within 300ms");
    assert!(said.contains(&words), "{said}");
}

#[test]
fn wrong_usage_has_an_exit_code_of_its_own() {
    for arguments in [
        &["--timeout", "1s"][..],
        &["--timeout", "1s", "0"],
        &["--timeout", "1s", "65536"],
        &["--timeout", "1s", "postgres"],
        &["--timeout", "soon", "80"],
        &["80"],
    ] {
        let (code, said) = ended(wait_port(arguments));
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
    }
}
