//! What runs beside a job, in images that know nothing of the driver.

use std::sync::Arc;
use std::time::Duration;

use fargate_backend_eks::{AgentSetup, Connect, EksConfig, EksLauncher, PodExec, PodPorts};
use fargate_core::{
    Collected, Endpoint, ErrorKind, ExecRequest, ExitStatus, RemoteExec, SecretText, StopCause,
    TaskHandle, TaskImage, TaskLauncher, TaskNeeds, TaskService, TaskSpec,
};
use fargate_ssh_transport::{SshConfig, SshExec, SshKey};
use fargate_test_support::ecs::{AGENT_IMAGE, AgentImages};
use fargate_test_support::eks::{EksDouble, EksOptions, Fault, Trouble};
use tokio::time::{Instant, sleep};

use crate::bench;

const BUSYBOX: &str = "busybox:1";
const SECRET: &str = "a secret of this test's";

struct World {
    double: EksDouble,
    config: EksConfig,
    launcher: Arc<EksLauncher>,
    exec: Arc<dyn RemoteExec>,
    public_key: String,
    _images: AgentImages,
}

impl World {
    async fn start(connect: Connect) -> Self {
        let images = AgentImages::new();
        let options = EksOptions { images: images.all(), ..EksOptions::default() };
        let double = EksDouble::start(options).await;
        let mut config = bench::config_for(&double);
        let mut agent = AgentSetup::new(AGENT_IMAGE);
        agent.helper = Some(TaskImage::new(BUSYBOX));
        config.agent = Some(agent);
        config.connect = connect;
        let key = SshKey::generate().expect("a key");
        let public_key = key.public_line("test").expect("a line");
        let secret = SecretText::new(SECRET.to_owned().into());
        let ssh = SshExec::new(SshConfig::default(), key).proving(secret);
        let exec: Arc<dyn RemoteExec> = match connect {
            Connect::Exec => Arc::new(PodExec::new(config.clone())),
            Connect::PortForward => Arc::new(ssh.through(Arc::new(PodPorts::new(config.clone())))),
            _ => Arc::new(ssh),
        };
        let launcher = bench::launcher_with(config.clone()).await;
        Self { double, config, launcher, exec, public_key, _images: images }
    }

    async fn launch(&self, services: Vec<TaskService>) -> TaskHandle {
        let mut needs = TaskNeeds::default();
        needs.image = Some(TaskImage::new(BUSYBOX));
        needs.services = services;
        let mut spec: TaskSpec = bench::spec().needs(needs);
        spec.authorized_key = self.public_key.clone();
        if self.config.connect != Connect::Exec {
            spec.host_secret = Some(SecretText::new(SECRET.to_owned().into()));
        }
        self.launcher.launch(&spec).await.expect("a pod")
    }

    /// Where the job's container and the helper answer, once they do.
    async fn endpoints(&self, task: &TaskHandle) -> (Endpoint, Endpoint) {
        bench::running(&self.launcher, task).await;
        let status = self.launcher.status(task).await.expect("a status");
        let job = status.endpoint().cloned().expect("an endpoint");
        let helper = match job.clone() {
            Endpoint::Exec { task, instance, .. } => {
                let container = Some(AgentSetup::HELPER.to_owned());
                Endpoint::Exec { task, instance, container }
            }
            other => other.on_port(2223).expect("a port"),
        };
        (self.reached(&job).await, self.reached(&helper).await)
    }

    async fn reached(&self, at: &Endpoint) -> Endpoint {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            match self.exec.probe(at).await {
                Ok(reached) => return reached,
                Err(error) if error.kind() == ErrorKind::ConnectFailed => {
                    assert!(Instant::now() < until, "{error}");
                }
                Err(error) => panic!("{error:?}"),
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn run(&self, at: &Endpoint, request: ExecRequest) -> (ExitStatus, String) {
        let mut said = Collected::default();
        let status = self.exec.exec(at, request, &mut said).await.expect("an exit status");
        let said = [said.stdout, said.stderr].concat();
        (status, String::from_utf8_lossy(&said).into_owned())
    }
}

/// An HTTP server of busybox's that is reached as `web`.
fn web() -> TaskService {
    let image = TaskImage::new(BUSYBOX).entrypoint(["sh", "-c"]);
    let serve = "mkdir /www && echo \"$GREETING\" > /www/x && exec httpd -f -p 8080 -h /www";
    TaskService::new("web", image)
        .command([serve])
        .variable("GREETING", "hello $(HOME)")
        .alias("web")
        .port(8080)
}

async fn job_helper_and_service_work_together(connect: Connect) {
    let world = World::start(connect).await;
    let service = web();
    let task = world.launch(vec![service.clone()]).await;
    let (job, helper) = world.endpoints(&task).await;
    assert_ne!(job, helper);

    let clone = "mkdir /builds/project && echo sources > /builds/project/a && umask; echo $PATH";
    let (status, said) = world.run(&helper, ExecRequest::script(clone)).await;
    assert!(status.is_success(), "{said}");
    assert!(said.starts_with("0000\n") && said.contains(":/fargate/bin"), "{said}");

    let check = world.config.agent.as_ref().and_then(|agent| agent.service_check(&service));
    let (status, said) = world.run(&job, check.expect("a check")).await;
    assert!(status.is_success(), "{said}");
    let build = "umask; cat /builds/project/a; wget -q -O - http://web:8080/x; exit 3";
    let (status, said) = world.run(&job, ExecRequest::script(build)).await;
    assert_eq!(status, ExitStatus::Code(3), "{said}");
    assert_eq!(said, "0022\nsources\nhello $(HOME)\n");
    // The service is in a container of its own.
    let (status, _) = world.run(&job, ExecRequest::script("ls /www")).await;
    assert_ne!(status, ExitStatus::Code(0));

    world.launcher.stop(&task, bench::GRACE).await.expect("it stops");
    assert!(world.double.pod(&bench::name(&task)).gone);
}

#[tokio::test(flavor = "multi_thread")]
async fn job_helper_and_service_work_together_over_ssh() {
    job_helper_and_service_work_together(Connect::Ssh).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn job_helper_and_service_work_together_through_forwarded_ports() {
    job_helper_and_service_work_together(Connect::PortForward).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn job_helper_and_service_work_together_by_exec() {
    job_helper_and_service_work_together(Connect::Exec).await;
}

/// A service that says something and ends.
fn crashing() -> TaskService {
    let image = TaskImage::new(BUSYBOX).entrypoint(["sh", "-c"]);
    TaskService::new("db", image).command(["for i in 1 2 3; do echo line $i; done; exit 7"]).port(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_crashes_leaves_the_job_and_its_last_words() {
    let world = World::start(Connect::Ssh).await;
    let task = world.launch(vec![crashing()]).await;
    let (job, _) = world.endpoints(&task).await;
    let name = bench::name(&task);
    let crashed = |pod: &serde_json::Value| {
        let statuses = pod["status"]["containerStatuses"].as_array().expect("statuses");
        statuses.iter().any(|one| one["state"]["terminated"]["exitCode"] == 7)
    };
    let until = Instant::now() + Duration::from_secs(60);
    while !crashed(&world.double.pod(&name).json) {
        assert!(Instant::now() < until, "{}", world.double.pod(&name).json);
        sleep(Duration::from_millis(20)).await;
    }
    let (status, said) = world.run(&job, ExecRequest::script("echo alive")).await;
    assert_eq!((status, said.as_str()), (ExitStatus::Code(0), "alive\n"));
    let log = world.launcher.log(&task, "db", 2).await.expect("a log");
    assert_eq!(log, ["line 2", "line 3"]);

    // Whatever ended beside it, the deletion is what ended the job.
    world.double.delete_pod(&name);
    let stopped = bench::stopped(&world.launcher, &task).await;
    assert_eq!(stopped.cause, StopCause::Requested, "{stopped:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_may_not_be_read_names_the_rule() {
    let world = World::start(Connect::Ssh).await;
    let task = world.launch(vec![crashing()]).await;
    world.endpoints(&task).await;
    world.double.inject(Fault::new("get", "pods/log", Trouble::Forbidden));
    let error = world.launcher.log(&task, "db", 2).await.expect_err("no right");
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    let advice = error.advice().unwrap_or_default();
    assert!(advice.contains("pods/log") && advice.contains("\"get\""), "{advice}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_image_is_not_there_ends_the_wait() {
    let world = World::start(Connect::Ssh).await;
    let missing = TaskService::new("db", TaskImage::new("registry.example.com/nothing:1"));
    let task = world.launch(vec![missing]).await;
    let stopped = bench::stopped(&world.launcher, &task).await;
    assert_eq!(stopped.cause, StopCause::Image, "{stopped:?}");
    assert!(stopped.reason.contains("the container db cannot start"), "{}", stopped.reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_not_brought_is_told_as_such() {
    let world = World::start(Connect::Ssh).await;
    let mut config = world.config.clone();
    if let Some(agent) = &mut config.agent {
        agent.image = TaskImage::new(BUSYBOX).entrypoint(["false"]);
    }
    let launcher = bench::launcher_with(config).await;
    let task = launcher.launch(&bench::spec().image(TaskImage::new(BUSYBOX))).await.expect("a pod");
    let stopped = bench::stopped(&launcher, &task).await;
    assert_eq!(stopped.reason, "fargate-agent exited with code 1", "{stopped:?}");
    assert!(stopped.hint.unwrap_or_default().contains("AgentImage"));
}
