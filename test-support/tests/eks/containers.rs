//! A pod whose images are known runs its containers in their own root file systems.

use std::collections::BTreeMap;
use std::time::Duration;

use fargate_test_support::eks::{EksDouble, EksOptions, ImageRoot};
use fargate_test_support::rootfs::Rootfs;
use serde_json::{Value, json};

use crate::client::{Client, pod_path, with};
use crate::socket::{Socket, V4, V5};

/// A double that knows the image `busybox`.
struct Pods {
    double: EksDouble,
    client: Client,
    _tree: Rootfs,
}

impl Pods {
    async fn start() -> Self {
        let tree = Rootfs::busybox();
        let images = BTreeMap::from([("busybox".to_owned(), ImageRoot::new(tree.path()))]);
        let (double, client) = with(EksOptions { images, ..EksOptions::default() }).await;
        Self { double, client, _tree: tree }
    }

    /// Runs a pod named `a`.
    async fn run(&self, spec: Value) {
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
            "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1},
        });
        for (name, value) in spec.as_object().unwrap() {
            pod["spec"][name] = value.clone();
        }
        self.client.create(&pod).await;
    }

    /// The pod once nothing of it runs, and what was written.
    async fn over(&self) -> (Value, String) {
        let over =
            |pod: &Value| matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        (self.client.until("a", over).await, self.double.log("a"))
    }

    /// Waits until every container runs.
    async fn ready(&self) {
        let ready = |one: &Value| one["type"] == "Ready" && one["status"] == "True";
        let conditions = |pod: &Value| pod["status"]["conditions"].as_array().cloned();
        self.client
            .until("a", |pod| conditions(pod).is_some_and(|all| all.iter().any(ready)))
            .await;
    }

    async fn log(&self, query: &str) -> String {
        let path = format!("{}/log?{query}", pod_path("a"));
        self.client.raw("GET", &path, &Value::Null).await.unwrap().body
    }
}

/// A container that runs a shell script.
fn script(name: &str, script: &str) -> Value {
    json!({"name": name, "image": "busybox", "command": ["sh", "-c"], "args": [script]})
}

fn mounted(mut container: Value, volume: &str, path: &str, read_only: bool) -> Value {
    container["volumeMounts"] = json!([{"name": volume, "mountPath": path, "readOnly": read_only}]);
    container
}

/// How a container of the pod ended.
fn ended<'a>(pod: &'a Value, list: &str, index: usize) -> &'a Value {
    &pod["status"][list][index]["state"]["terminated"]
}

const WAITS: &str = "trap 'exit 0' TERM; while :; do sleep 0.1; done";

#[tokio::test(flavor = "multi_thread")]
async fn init_containers_run_in_order_before_the_others_and_share_volumes() {
    let pods = Pods::start().await;
    let bring = |name: &str, what: &str| mounted(script(name, what), "tools", "/out", false);
    let look = "cat /tools/note; echo > /tools/new || exit 4";
    pods.run(json!({
        "volumes": [{"name": "tools", "emptyDir": {}}],
        "initContainers": [
            bring("one", "sleep 0.3; echo one > /out/note; chmod 700 /out/note"),
            bring("two", "echo two >> /out/note"),
        ],
        "containers": [mounted(script("main", look), "tools", "/tools", true)],
    }))
    .await;
    let (pod, log) = pods.over().await;
    assert_eq!(ended(&pod, "containerStatuses", 0)["exitCode"], 4, "{log}\n{pod}");
    assert_eq!(ended(&pod, "initContainerStatuses", 1)["reason"], "Completed", "{pod}");
    assert_eq!(pod["status"]["phase"], "Failed");
    assert!(log.starts_with("one\ntwo\n") && log.contains("Read-only file system"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_init_container_that_fails_ends_the_pod_before_the_others_start() {
    let pods = Pods::start().await;
    pods.run(json!({
        "initContainers": [script("one", "exit 3"), script("two", "echo two")],
        "containers": [script("main", "echo main")],
    }))
    .await;
    let (pod, log) = pods.over().await;
    assert_eq!((pod["status"]["phase"].as_str(), log.as_str()), (Some("Failed"), ""), "{pod}");
    assert_eq!(ended(&pod, "initContainerStatuses", 0)["exitCode"], 3, "{pod}");
    let main = &pod["status"]["containerStatuses"][0]["state"];
    assert_eq!(main["waiting"]["reason"], "PodInitializing", "{pod}");
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_see_what_the_pod_says() {
    let pods = Pods::start().await;
    let mut main = script("main", "cat /etc/hosts; id -u; pwd; echo $A $B; echo '$$(A)'; exit 5");
    main["env"] = json!([{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)2"}]);
    main["workingDir"] = "/srv".into();
    main["securityContext"] = json!({"runAsUser": 1000});
    let aliases = json!([{"ip": "127.0.0.1", "hostnames": ["db", "cache"]}]);
    pods.run(json!({"hostAliases": aliases, "containers": [main]})).await;
    let (pod, log) = pods.over().await;
    assert_eq!(ended(&pod, "containerStatuses", 0)["exitCode"], 5, "{log}");
    let address = pod["status"]["podIP"].as_str().unwrap();
    assert!(log.contains(&format!("{address}\ta\n")), "{log}");
    assert!(log.contains("127.0.0.1\tdb\tcache\n"), "{log}");
    assert!(log.ends_with("1000\n/srv\n1 12\n$(A)\n"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_crashes_leaves_the_pod_running() {
    let pods = Pods::start().await;
    let no_program = json!({"name": "none", "image": "busybox", "command": ["/nowhere"]});
    let crash = script("crash", "echo oops >&2; exit 7");
    pods.run(json!({"containers": [script("main", WAITS), crash, no_program]})).await;
    let is_over = |pod: &Value| {
        [1, 2].iter().all(|&index| ended(pod, "containerStatuses", index).is_object())
    };
    let pod = pods.client.until("a", is_over).await;
    assert_eq!(pod["status"]["phase"], "Running");
    assert_eq!(ended(&pod, "containerStatuses", 1)["exitCode"], 7);
    let none = ended(&pod, "containerStatuses", 2);
    assert_eq!((&none["reason"], &none["exitCode"]), (&json!("StartError"), &json!(128)));
    assert!(none["message"].as_str().unwrap().contains("/nowhere"), "{none}");
    assert!(pod["status"]["containerStatuses"][0]["state"]["running"].is_object(), "{pod}");
    pods.client.delete("a").await;
    let last = pods.double.wait_gone("a").await;
    assert_eq!(ended(&last.json, "containerStatuses", 0)["exitCode"], 0, "{}", last.json);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_nobody_has_is_named_at_its_container() {
    let pods = Pods::start().await;
    let unknown = json!({"name": "db", "image": "registry.example.com/nothing:1"});
    pods.run(json!({"containers": [script("main", WAITS), unknown]})).await;
    let waits = |pod: &Value| {
        pod["status"]["containerStatuses"][1]["state"]["waiting"]["reason"] == "ErrImagePull"
    };
    let pod = pods.client.until("a", waits).await;
    assert_eq!(pod["status"]["phase"], "Pending", "{pod}");
    pods.double.delete_pod("a");
    pods.double.wait_gone("a").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_runs_in_the_container_it_names() {
    let pods = Pods::start().await;
    let mut named = script("other", WAITS);
    named["env"] = json!([{"name": "NAME", "value": "other"}]);
    pods.run(json!({"containers": [script("main", WAITS), named]})).await;
    pods.ready().await;
    let exec = async |container: &str, words: &[&str]| {
        let words: String = words.iter().map(|word| format!("&command={word}")).collect();
        let query = format!("container={container}&stdout=true&stderr=true{words}");
        let path = format!("{}/exec?{query}", pod_path("a"));
        Socket::open(&pods.client, &path, V5).await.unwrap().ended().await
    };
    let ended = exec("other", &["sh", "-c", "echo%20$NAME;%20ps;%20exit%209"]).await;
    assert_eq!((ended.code(), ended.out().lines().next()), (9, Some("other")), "{ended:?}");
    assert!(ended.out().contains("while") && !ended.out().contains("nsenter"), "{ended:?}");
    assert_eq!(exec("main", &["sh", "-c", "test%20-z%20$NAME"]).await.code(), 0);
    let missing = exec("main", &["/bin/nothing"]).await;
    let said = missing.status["message"].as_str().unwrap();
    assert!(said.contains("stat /bin/nothing: no such file or directory"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_of_the_pods_localhost_is_reached() {
    let pods = Pods::start().await;
    let serve = "mkdir /www; echo hello > /www/x; exec httpd -f -p 127.0.0.1:8080 -h /www";
    let wait = "until wget -q -O - http://127.0.0.1:8080/x 2>&-; do sleep 0.1; done; sleep 100";
    pods.run(json!({"containers": [script("main", wait), script("web", serve)]})).await;
    pods.ready().await;
    // The containers share their localhost.
    while !pods.log("container=main").await.contains("hello") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let path = format!("{}/portforward?ports=8080", pod_path("a"));
    let mut socket = Socket::open(&pods.client, &path, V4).await.unwrap();
    // Both channels tell the port first.
    for _ in 0..2 {
        socket.next().await.unwrap();
    }
    socket.send(0, b"GET /x HTTP/1.0\r\n\r\n").await;
    let answer = socket.until(0, "hello").await;
    assert!(answer.contains("200 OK"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_lines_of_each_container_are_shown() {
    let pods = Pods::start().await;
    let write = |name: &str| script(name, &format!("for i in 1 2 3; do echo {name} $i; done"));
    pods.run(json!({"containers": [write("main"), write("db")]})).await;
    pods.over().await;
    assert_eq!(pods.log("container=db").await, "db 1\ndb 2\ndb 3\n");
    assert_eq!(pods.log("container=main&tailLines=2").await, "main 2\nmain 3\n");
    let path = format!("{}/log", pod_path("a"));
    let refused = pods.client.refused("GET", &path, &Value::Null).await;
    assert!(refused["message"].as_str().unwrap().contains("[main db]"), "{refused}");
    assert_eq!(pods.double.calls()["get pods/log"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_from_outside_ends_every_container() {
    let pods = Pods::start().await;
    pods.run(json!({"containers": [script("main", WAITS), script("db", WAITS)]})).await;
    pods.ready().await;
    let pid = pods.double.pod("a").pid.unwrap();
    let end = fargate_test_support::eks::PodEnd::oom_killed();
    let view = pods.double.end_pod("a", end).await;
    assert_eq!(ended(&view.json, "containerStatuses", 0)["reason"], "OOMKilled");
    assert_eq!(ended(&view.json, "containerStatuses", 1)["exitCode"], 137);
    crate::client::dead(pid).await;
}
