//! The conformance kit against the agent in a root file system of its own.
//!
//! But for one case: it has the server killed from inside, and the kernel does not allow that with a
//! namespace's first process.

use std::process::Command;
use std::sync::Arc;

use fargate_core::Endpoint;
use fargate_core::testkit::{ANOTHER_HOST_KEY, TransportBench, run_case, transport};
use fargate_ssh_transport::{SshConfig, SshExec, SshKey};
use fargate_test_support::binaries;
use fargate_test_support::contained::ContainedAgent;
use fargate_test_support::rootfs::Rootfs;

fn bench() -> TransportBench {
    let key = SshKey::generate().expect("a key");
    let (root, layer) = (Rootfs::busybox(), tempfile::tempdir().expect("a directory"));
    let mut command = Command::new(binaries::agent());
    command.args(["--listen", "127.0.0.1:0", "--deadline", "10m", "--root"]).arg(root.path());
    command.arg("--layer").arg(layer.path());
    command.env("SSH_PUBLIC_KEY", key.public_line("conformance").expect("a line"));
    let agent = ContainedAgent::start(command);
    TransportBench {
        exec: Arc::new(SshExec::new(SshConfig::default(), key)),
        stranger: Arc::new(SshExec::new(SshConfig::default(), SshKey::generate().expect("a key"))),
        endpoint: Endpoint::Ssh {
            host: agent.address().ip().to_string(),
            port: agent.address().port(),
            user: "root".into(),
            host_key: None,
        },
        another_identity: ANOTHER_HOST_KEY.to_owned(),
        names_signals: true,
        // In this order: the agent ends before its files go.
        guard: Box::new((agent, layer, root)),
    }
}

macro_rules! cases {
    ($($case:ident),+ $(,)?) => {
        $(#[test]
        fn $case() {
            run_case(async {
                let bench = bench();
                transport::$case(&*bench.exec, &bench).await;
            });
        })+
    };
}

cases![
    probe_learns_the_identity,
    exec_without_an_identity_is_untrusted,
    changed_identity_is_untrusted,
    unknown_client_is_refused,
    every_byte_arrives_and_streams_stay_apart,
    large_output_on_both_streams_is_exact,
    one_endless_line_is_exact,
    exit_codes_are_the_scripts_own,
    death_by_signal_is_told,
    standard_input_is_at_its_end,
    five_megabyte_script_runs,
    script_without_a_final_newline_runs,
    script_with_invalid_utf8_runs,
    script_stays_off_the_command_line,
    command_words_arrive_unchanged,
    slow_sink_slows_the_script,
    left_behind_process_does_not_hold_the_stage,
    cancel_ends_the_whole_process_group,
    cancel_works_while_the_sink_is_stuck,
    cancelled_before_it_starts_never_runs,
    failing_sink_ends_the_script,
    many_at_once_keep_their_results,
];
