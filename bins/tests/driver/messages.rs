//! What a developer reads when the pipeline breaks: what failed, on what, why, and what to do.

use fargate_test_support::ecs::{EcsDouble, EcsOptions, Fault, TaskEnd};
use rustix::process::Signal;
use tokio::net::{TcpSocket, TcpStream};

use crate::checks::{
    all_calls, nothing_left, only_task, quick, quick_double, report, rewrite, tells,
    use_all_subnets,
};
use crate::harness::{Ended, Host, Job, ended, eventually, signal};

/// Prepares a job, which must fail with these words and leave nothing.
async fn prepare_fails(double: &EcsDouble, host: &Host, flags: &[&str], words: &[&str]) {
    let mut job = host.job();
    job.flags.extend(flags.iter().map(|&flag| flag.to_owned()));
    tells(&job.prepare().await, words);
    nothing_left(double, host).await;
}

/// The same for a fault, with a start timeout of a few seconds.
async fn fault_fails(fault: Fault, words: &[&str]) {
    let double = quick_double().await;
    double.inject(fault);
    let host = Host::ecs(&double, "StartTimeout = \"3s\"");
    prepare_fails(&double, &host, &[], words).await;
}

#[tokio::test]
async fn no_container_instances() {
    let options = EcsOptions { default_capacity_provider: false, ..quick() };
    let double = EcsDouble::start(options).await;
    let host = Host::ecs(&double, "");
    let words = ["No Container Instances", "no default capacity provider", "LaunchType"];
    prepare_fails(&double, &host, &[], &words).await;
}

#[tokio::test]
async fn connection_timed_out() {
    let double = quick_double().await;
    double.inject(Fault::NoSshd);
    let host = Host::ecs(&double, "StartTimeout = \"6s\"");
    rewrite(&host, "[SSH]", "[SSH]\nConnectTimeout = \"1s\"");
    let job = host.job();
    let preparing = job.spawn(&["prepare"]);
    eventually("a task", || !double.tasks().is_empty()).await;
    // A listener whose queue is full drops what comes, as a security group does.
    let at = (only_task(&double).address, double.options().ssh_port).into();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(at).unwrap();
    let _listener = socket.listen(1).unwrap();
    let _queue: Vec<_> = (0..8).map(|_| tokio::spawn(TcpStream::connect(at))).collect();
    let words = ["connection timed out", "security group", "route", "private or public"];
    tells(&ended(preparing).await, &words);
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn connection_refused() {
    fault_fails(Fault::NoSshd, &["connection refused", "SSH server", "port"]).await;
}

#[tokio::test]
async fn a_port_that_says_nothing() {
    let double = quick_double().await;
    double.inject(Fault::SilentSshd);
    // The address is known after two seconds; then one attempt must come to its end.
    let host = Host::ecs(&double, "StartTimeout = \"6s\"");
    rewrite(&host, "[SSH]", "[SSH]\nConnectTimeout = \"1s\"");
    let words = ["accepts connections", "no SSH session", "port"];
    prepare_fails(&double, &host, &[], &words).await;
}

#[tokio::test]
async fn a_start_that_takes_too_long() {
    fault_fails(Fault::NoAddress, &["no address", "RUNNING", "raise the start timeout"]).await;
}

#[tokio::test]
async fn metadata_is_missing() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    let ended = host.job().script("true", "build_script").await;
    tells(&ended, &["no metadata file", host.metadata().to_str().unwrap(), "prepare", "Directory"]);
    assert_eq!(all_calls(&double), 0, "nothing was asked of AWS");
}

#[tokio::test]
async fn the_image_cannot_be_pulled_for_want_of_a_route() {
    let end = TaskEnd::cannot_pull();
    let words = ["CannotPullContainerError", "i/o timeout", "ci-coordinator", "route", "NAT"];
    fault_fails(Fault::StopWhilePending(end), &words).await;
}

#[tokio::test]
async fn the_image_cannot_be_pulled_for_want_of_rights() {
    let why = "CannotPullContainerError: pull access denied for registry.example.com/ci";
    let end = TaskEnd::new("TaskFailedToStart", why);
    fault_fails(Fault::StopWhilePending(end), &[why, "execution role", "ECR"]).await;
}

#[tokio::test]
async fn no_capacity_names_every_place() {
    let double = quick_double().await;
    double.inject(Fault::NoRoomIn {
        subnets: Vec::new(),
        providers: Vec::new(),
        reason: "Capacity is unavailable at this time.".to_owned(),
    });
    let more = "StartTimeout = \"3s\"\n\
                CapacityProviders = [{ Name = \"FARGATE_SPOT\" }, { Name = \"FARGATE\" }]";
    let host = Host::ecs(&double, more);
    use_all_subnets(&host, &double);
    let ended = host.job().prepare().await;
    tells(&ended, &["no room", "Capacity is unavailable", "FARGATE_SPOT", "zones"]);
    let report = report(&ended);
    for subnet in &double.options().subnets {
        for provider in ["FARGATE_SPOT", "FARGATE"] {
            let place = format!("{subnet} on {provider}");
            assert!(report.contains(&place), "{place} in\n{report}");
        }
    }
    assert_eq!(double.tasks().len(), 0);
    nothing_left(&double, &host).await;
}

/// Ends the job's task under a running script.
async fn lose_task(end: TaskEnd) -> Ended {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    let job = host.job();
    job.prepare().await.ok();
    let running = running_script(&job).await;
    double.end_task(&only_task(&double).arn, end).await;
    let ended = ended(running).await;
    assert_eq!(job.exit_code(), None, "a lost task is no script's failure");
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
    ended
}

/// A script that has begun and goes on.
async fn running_script(job: &Job<'_>) -> tokio::process::Child {
    let begun = job.directory.path().join("begun");
    let body = format!("touch {}; sleep 60", begun.display());
    let child = job.start_script(&body, "build_script");
    eventually("the script's begin", || begun.exists()).await;
    child
}

#[tokio::test]
async fn spot_interruption() {
    let ended = lose_task(TaskEnd::spot_interruption()).await;
    tells(&ended, &["SpotInterruption", "Spot Task was interrupted", "retry", "on-demand"]);
}

#[tokio::test]
async fn out_of_memory() {
    let ended = lose_task(TaskEnd::out_of_memory()).await;
    tells(&ended, &["OutOfMemoryError", "137", "memory of the task definition"]);
}

#[tokio::test]
async fn no_container_of_the_expected_name() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    let words =
        ["ci-coordinator", "not a container in the TaskDefinition", "plain-task", "runs sshd"];
    prepare_fails(&double, &host, &["--task-def", "plain-task"], &words).await;
}

#[tokio::test]
async fn a_denied_action_is_named() {
    let words = ["not authorized", "AccessDeniedException", "fix: allow ecs:RunTask"];
    fault_fails(Fault::Deny { op: "RunTask" }, &words).await;
    let words = ["AccessDeniedException", "fix: allow ecs:DescribeTasks"];
    fault_fails(Fault::Deny { op: "DescribeTasks" }, &words).await;
    let message = "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: \
                   iam:PassRole on resource: arn:aws:iam::123456789012:role/task";
    let fault = Fault::Error {
        op: "RunTask",
        code: "AccessDeniedException".to_owned(),
        message: message.to_owned(),
        http_status: 400,
        times: 1,
    };
    fault_fails(fault, &["role/task", "fix: allow iam:PassRole"]).await;
}

#[tokio::test]
async fn expired_credentials() {
    let words = ["token included in the request is expired", "ExpiredTokenException", "renew"];
    fault_fails(Fault::ExpiredToken { times: 100 }, &words).await;
}

#[tokio::test]
async fn absent_credentials() {
    let double = quick_double().await;
    let mut host = Host::ecs(&double, "");
    host.environment.retain(|(name, _)| !name.contains("KEY"));
    let words = ["no usable AWS credentials", "instance role", "AWS_ACCESS_KEY_ID"];
    prepare_fails(&double, &host, &[], &words).await;
    assert_eq!(all_calls(&double), 0);
}

#[tokio::test]
async fn aws_cannot_be_reached() {
    let double = quick_double().await;
    let mut host = Host::ecs(&double, "StartTimeout = \"1s\"");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (name, value) in &mut host.environment {
        if name == "AWS_ENDPOINT_URL" {
            *value = format!("http://{closed}");
        }
    }
    let words = ["AWS cannot be reached", "ecs:RunTask", "check Region, DNS", "refused"];
    prepare_fails(&double, &host, &[], &words).await;
}

#[tokio::test]
async fn wrong_credentials() {
    let double = quick_double().await;
    let mut host = Host::ecs(&double, "");
    for (name, value) in &mut host.environment {
        if name == "AWS_ACCESS_KEY_ID" {
            *value = "AKIAWRONG".to_owned();
        }
    }
    prepare_fails(&double, &host, &[], &["token", "invalid", "credentials"]).await;
}

#[tokio::test]
async fn an_unknown_cluster() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    rewrite(&host, "test-cluster", "other-cluster");
    let words = ["Cluster not found", "other-cluster", "check Cluster and Region"];
    prepare_fails(&double, &host, &[], &words).await;
}

#[tokio::test]
async fn an_unknown_task_definition() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    let words = ["TaskDefinition not found", "no-such-task", "family:revision"];
    prepare_fails(&double, &host, &["--task-def", "no-such-task"], &words).await;
}

#[tokio::test]
async fn an_unknown_subnet() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    rewrite(&host, &double.options().subnets[0], "subnet-0bad");
    prepare_fails(&double, &host, &[], &["subnet-0bad", "check Subnet"]).await;
}

#[tokio::test]
async fn the_host_key_has_changed() {
    let double = quick_double().await;
    let host = Host::ecs(&double, "");
    let job = host.job();
    job.prepare().await.ok();
    let before = only_task(&double);
    double.change_host_key(&before.arn).await;
    let ended = job.script("echo ran", "build_script").await;
    tells(&ended, &["host key", "SHA256:", "another machine answers", "intercepting"]);
    assert_eq!(ended.stdout_text(), "", "nothing ran there");
    job.cleanup().await.ok();
    nothing_left(&double, &host).await;
}

#[tokio::test]
async fn authentication_is_refused() {
    let words = ["refused the key", "\"root\"", "SSH_PUBLIC_KEY", "authorized_keys"];
    fault_fails(Fault::WrongKey, &words).await;
}

#[tokio::test]
async fn a_cancelled_job() {
    let double = quick_double().await;
    double.inject(Fault::NeverRunning);
    let host = Host::ecs(&double, "");
    let job = host.job();
    let preparing = job.spawn(&["prepare"]);
    eventually("a task", || !double.tasks().is_empty()).await;
    signal(&preparing, Signal::TERM);
    tells(&ended(preparing).await, &["cancelled", "SIGTERM"]);
    nothing_left(&double, &host).await;
}
