//! What OpenSSH's client does not show: messages of the protocol itself.

use std::sync::Arc;

use crate::common::{Agent, PATIENCE, is_running, until_gone};
use russh::client::{self, Handle};
use russh::keys::{PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate, load_secret_key};
use russh::{ChannelMsg, Sig};
use tokio::time::timeout;

struct Strict(PublicKey);

impl client::Handler for Strict {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        key: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        Ok(
            matches!(key, PublicKeyOrCertificate::PublicKey { key, .. } if key.key_data() == self.0.key_data()),
        )
    }
}

async fn connect(agent: &Agent) -> Handle<Strict> {
    let host_key = PublicKey::from_openssh(&agent.host_key).unwrap();
    let at = ("127.0.0.1", agent.port);
    let config = client::Config { nodelay: true, ..client::Config::default() };
    let mut session = client::connect(Arc::new(config), at, Strict(host_key)).await.unwrap();
    let key = load_secret_key(agent.dir.path().join("id"), None).unwrap();
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
    assert!(session.authenticate_publickey("anybody", key).await.unwrap().success());
    session
}

/// Every message of one command, up to the close.
async fn messages(session: &Handle<Strict>, command: &str) -> Vec<ChannelMsg> {
    let mut channel = session.channel_open_session().await.unwrap();
    channel.exec(true, command).await.unwrap();
    let mut all = Vec::new();
    while let Some(message) = timeout(PATIENCE, channel.wait()).await.expect("goes on") {
        all.push(message);
    }
    all
}

#[tokio::test]
async fn three_thousand_short_commands_lose_nothing() {
    let agent = Agent::start(&[]).await;
    let session = connect(&agent).await;
    for number in 0..3000_u32 {
        let code = number % 256;
        let all = messages(&session, &format!("echo {number}; exit {code}")).await;
        let mut output = Vec::new();
        let mut status = None;
        let mut after_status = Vec::new();
        for message in all {
            match message {
                ChannelMsg::Data { data } => output.extend_from_slice(&data),
                ChannelMsg::ExitStatus { exit_status } => status = Some(exit_status),
                ChannelMsg::Eof => after_status.push("eof"),
                ChannelMsg::Close => after_status.push("close"),
                _ => {}
            }
        }
        assert_eq!(output, format!("{number}\n").into_bytes());
        assert_eq!(status, Some(code));
        assert_eq!(after_status[0], "eof");
    }
}

#[tokio::test]
async fn death_by_signal_names_the_signal() {
    let agent = Agent::start(&[]).await;
    let session = connect(&agent).await;
    for (name, expected) in [("KILL", "KILL"), ("TERM", "TERM"), ("USR2", "Custom(\"USR2\")")] {
        let all = messages(&session, &format!("kill -{name} $$")).await;
        let told = all.iter().find_map(|message| match message {
            ChannelMsg::ExitSignal { signal_name, core_dumped, .. } => {
                Some((format!("{signal_name:?}"), *core_dumped))
            }
            _ => None,
        });
        assert_eq!(told, Some((expected.to_owned(), false)));
        assert!(!all.iter().any(|message| matches!(message, ChannelMsg::ExitStatus { .. })));
    }
}

#[tokio::test]
async fn signal_request_reaches_the_whole_group() {
    let agent = Agent::start(&[]).await;
    let session = connect(&agent).await;
    let mut channel = session.channel_open_session().await.unwrap();
    channel.exec(true, "sleep 600 & echo $!; wait").await.unwrap();
    let pid = loop {
        match timeout(PATIENCE, channel.wait()).await.expect("goes on").expect("a message") {
            ChannelMsg::Data { data } => {
                break String::from_utf8_lossy(&data).trim().parse().unwrap();
            }
            _ => continue,
        }
    };
    assert!(is_running(pid));
    channel.signal(Sig::TERM).await.unwrap();
    let mut signal = None;
    while let Some(message) = timeout(PATIENCE, channel.wait()).await.expect("goes on") {
        if let ChannelMsg::ExitSignal { signal_name, .. } = message {
            signal = Some(signal_name);
        }
    }
    assert!(matches!(signal, Some(Sig::TERM)), "{signal:?}");
    until_gone(pid).await;
}

#[tokio::test]
async fn closed_channel_ends_its_command_and_no_other() {
    let agent = Agent::start(&[]).await;
    let session = connect(&agent).await;
    let mut pids = Vec::new();
    let mut channels = Vec::new();
    for _ in 0..2 {
        let mut channel = session.channel_open_session().await.unwrap();
        channel.exec(true, "echo $$; exec sleep 600").await.unwrap();
        let pid: u32 = loop {
            let message = timeout(PATIENCE, channel.wait()).await.expect("goes on");
            if let ChannelMsg::Data { data } = message.expect("a message") {
                break String::from_utf8_lossy(&data).trim().parse().unwrap();
            }
        };
        pids.push(pid);
        channels.push(channel);
    }
    channels[0].close().await.unwrap();
    until_gone(pids[0]).await;
    assert!(is_running(pids[1]));
}

#[tokio::test]
async fn second_command_on_a_channel_is_refused() {
    let agent = Agent::start(&[]).await;
    let session = connect(&agent).await;
    let mut channel = session.channel_open_session().await.unwrap();
    channel.exec(true, "sleep 600").await.unwrap();
    channel.exec(true, "echo two").await.unwrap();
    let mut replies = Vec::new();
    while replies.len() < 2 {
        match timeout(PATIENCE, channel.wait()).await.expect("goes on").expect("a message") {
            ChannelMsg::Success => replies.push(true),
            ChannelMsg::Failure => replies.push(false),
            other => assert!(matches!(other, ChannelMsg::WindowAdjusted { .. }), "{other:?}"),
        }
    }
    assert_eq!(replies, [true, false]);
}
