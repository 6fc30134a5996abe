//! Settings that the cluster, or the driver before it, cannot use.

use std::fs;

use fargate_test_support::eks::{EksDouble, Fault, Trouble};

use crate::checks::{no_secret, rewrite, tells};
use crate::eks_token;
use crate::eks_ways::{calls, nothing_left, options, reached_by, set, use_template};
use crate::harness::Host;

/// Prepare fails with all these words; nothing is left, and cleanup is content.
async fn is_refused(double: &EksDouble, host: &Host, words: &[&str]) {
    let job = host.job();
    tells(&job.prepare().await, words);
    nothing_left(double, host).await;
    assert!(double.pods().is_empty(), "nothing was started");
}

#[tokio::test]
async fn names_that_kubernetes_does_not_take_are_told_before_anything_is_asked() {
    let long = "n".repeat(64);
    let namespace = format!("Namespace = {long:?}");
    let label = format!("Labels = {{ team = {long:?} }}");
    for (line, words) in [
        (namespace.as_str(), ["Namespace", &long, "1 to 63 characters"]),
        ("Namespace = \"Not_A_Label\"", ["Namespace", "Not_A_Label", "1 to 63 characters"]),
        (&label, ["label", &long, "up to 63 characters"]),
        ("Labels = { \"a b\" = \"x\" }", ["label", "a b", "up to 63 characters"]),
        ("NodeSelector = { \"x/\" = \"y\" }", ["label", "x/", "up to 63 characters"]),
    ] {
        let (double, host) = reached_by("exec").await;
        set(&host, line);
        is_refused(&double, &host, &words).await;
        assert!(double.calls().is_empty(), "{line}: {:?}", double.calls());
    }
}

#[tokio::test]
async fn a_service_account_that_is_not_there_is_named() {
    let (double, host) = reached_by("exec").await;
    set(&host, "ServiceAccount = \"nobody\"");
    let words = ["serviceaccount \"nobody\" not found", "create the service account", "ci"];
    is_refused(&double, &host, &words).await;
    assert_eq!(calls(&double, "create pods"), 1);
}

#[tokio::test]
async fn a_namespace_that_is_not_there_is_named() {
    let (double, host) = reached_by("exec").await;
    set(&host, "Namespace = \"nowhere\"");
    let words = ["namespaces \"nowhere\" not found", "create the namespace nowhere", "profile"];
    is_refused(&double, &host, &words).await;
    assert_eq!(calls(&double, "create pods"), 1);
}

#[tokio::test]
async fn what_is_no_pod_template_is_told_before_anything_is_asked() {
    for (text, word) in [
        ("kind: Pod\n  bad: [", "YAML"),
        ("kind: Deployment\n", "Deployment"),
        ("kind: Pod\nspec:\n  containers:\n  - name: build\n", "build, and none is ci-coordinator"),
        ("kind: Pod\n---\nkind: Pod\n", "more than one document"),
    ] {
        let (double, host) = reached_by("exec").await;
        use_template(&host, text);
        is_refused(&double, &host, &[word, "pod.yaml"]).await;
        assert!(double.calls().is_empty(), "{text}: {:?}", double.calls());
    }
    let (double, host) = reached_by("exec").await;
    set(&host, "PodTemplate = \"/nowhere/pod.yaml\"");
    is_refused(&double, &host, &["/nowhere/pod.yaml", "No such file", "PodTemplate"]).await;
}

#[tokio::test]
async fn a_field_that_kubernetes_does_not_know_is_named() {
    let (double, host) = reached_by("exec").await;
    use_template(&host, "kind: Pod\nspec:\n  hostNetworks: true\n");
    let message = "Pod in version \"v1\" cannot be handled as a Pod: strict decoding error: \
                   unknown field \"spec.hostNetworks\"";
    let refusal = Trouble::Status { code: 400, reason: "BadRequest", message: message.to_owned() };
    double.inject(Fault::new("create", "pods", refusal).always());
    let words = ["unknown field \"spec.hostNetworks\"", "correct the field in the pod template"];
    is_refused(&double, &host, &words).await;
    let sent = double.requests("create pods").remove(0);
    assert_eq!(sent["spec"]["hostNetworks"], true, "the cluster gets to see it");
}

#[tokio::test]
async fn each_field_that_kubernetes_refuses_is_named() {
    let (double, host) = reached_by("exec").await;
    use_template(&host, "kind: Pod\nmetadata:\n  labels: {team: a b}\n");
    let words = ["422 Invalid", "metadata.labels", "a b", "template"];
    is_refused(&double, &host, &words).await;
}

/// A kubeconfig that names this cluster, this user's part, and this current context.
fn kubeconfig(cluster: &str, user: &str, context: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: {context}\nclusters:\n- name: test\n  \
         cluster: {cluster}\nusers:\n- name: test\n  user: {user}\ncontexts:\n- name: test\n  \
         context: {{cluster: test, user: test}}\n"
    )
}

#[tokio::test]
async fn a_kubeconfig_that_cannot_be_used_is_told_with_its_name() {
    let good = "{server: \"http://127.0.0.1:9\"}";
    for (text, word) in [
        ("{{{".to_owned(), "YAML"),
        (String::new(), "context"),
        (kubeconfig(good, "{token: x}", "elsewhere"), "elsewhere"),
        (
            kubeconfig(
                "{server: \"https://127.0.0.1:9\", certificate-authority: /nowhere/ca.pem}",
                "{token: x}",
                "test",
            ),
            "/nowhere/ca.pem",
        ),
        (
            kubeconfig(
                "{server: \"https://127.0.0.1:9\", certificate-authority-data: bm90IHBlbQ==}",
                "{token: x}",
                "test",
            ),
            "certificate",
        ),
        (kubeconfig(good, "{tokenFile: /nowhere/token}", "test"), "/nowhere/token"),
        (
            kubeconfig(
                good,
                "{exec: {command: /nowhere/login, apiVersion: \
                           client.authentication.k8s.io/v1, interactiveMode: Never}}",
                "test",
            ),
            "/nowhere/login",
        ),
    ] {
        let (double, host) = reached_by("exec").await;
        let file = host.directory.path().join("broken");
        fs::write(&file, &text).unwrap();
        let path = file.display().to_string();
        set(&host, &format!("Kubeconfig = {path:?}"));
        is_refused(&double, &host, &[word]).await;
    }
}

#[tokio::test]
async fn a_kubeconfig_that_is_not_there_and_a_context_that_is_not_in_it_are_named() {
    let (double, host) = reached_by("exec").await;
    set(&host, "Context = \"production\"");
    is_refused(&double, &host, &["production", "a context that is in it"]).await;

    let (double, host) = reached_by("exec").await;
    set(&host, "Kubeconfig = \"/nowhere/kubeconfig\"");
    is_refused(&double, &host, &["/nowhere/kubeconfig", "No such file"]).await;
}

#[tokio::test]
async fn a_cluster_that_nobody_answers_for_is_told() {
    let double = EksDouble::start(options("exec")).await;
    let host = Host::eks(&double);
    let text = fs::read_to_string(double.kubeconfig()).unwrap();
    let file = host.directory.path().join("elsewhere");
    fs::write(&file, text.replace(&double.url(), "http://127.0.0.1:9")).unwrap();
    set(&host, &format!("Kubeconfig = {:?}", file.display().to_string()));
    let timeout = "[Fargate]\n  StartTimeout = \"3s\"\n[TaskMetadata]";
    rewrite(&host, "[TaskMetadata]", timeout);
    is_refused(&double, &host, &["cannot be reached", "check the cluster's address"]).await;
}

/// A proxy for the way out of the network, with its password.
fn behind_a_proxy(host: &mut Host) {
    for name in ["HTTPS_PROXY", "https_proxy"] {
        let proxy = "http://user:hunter2@127.0.0.1:9".to_owned();
        host.environment.push((name.to_owned(), proxy));
    }
}

#[tokio::test]
async fn a_proxy_of_the_environment_is_not_for_the_cluster() {
    for by_name in [false, true] {
        let (double, mut host) = reached_by("exec").await;
        if by_name {
            host = eks_token::by_name(&double);
            set(&host, "Connect = \"exec\"");
        }
        behind_a_proxy(&mut host);
        let job = host.job();
        for ended in
            [job.prepare().await, job.script("true", "build_script").await, job.cleanup().await]
        {
            no_secret(&ended.ok());
        }
        nothing_left(&double, &host).await;
    }
}

#[tokio::test]
async fn a_proxy_of_the_kubeconfig_is_refused_without_its_password() {
    let (double, mut host) = reached_by("exec").await;
    behind_a_proxy(&mut host);
    let proxied = "{server: \"http://127.0.0.1:9\", \
                   proxy-url: \"http://user:hunter2@proxy.example.com:3128\"}";
    let file = host.directory.path().join("proxied");
    fs::write(&file, kubeconfig(proxied, "{token: x}", "test")).unwrap();
    set(&host, &format!("Kubeconfig = {:?}", file.display().to_string()));
    let words = ["the kubeconfig names a proxy", "proxy: proxy.example.com:3128"];
    is_refused(&double, &host, &words).await;
}
