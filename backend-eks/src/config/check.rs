//! What can be told about the settings without asking anybody.

use fargate_core::{Error, ErrorKind, Result};

use super::{ClusterAccess, EksConfig};
use crate::names;
use crate::quantity::{bytes, millicores};
use crate::size::FargateSize;

/// EKS Fargate's largest ephemeral storage.
const MAX_STORAGE: u64 = 175 << 30;

impl EksConfig {
    /// Finds what Kubernetes or AWS would refuse only later, or in words that do not name the
    /// setting.
    ///
    /// Sends nothing and reads no file. [`EksLauncher::connect`](crate::EksLauncher::connect)
    /// checks too; a program that reads settings long before it launches can call this at once.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`]: a setting is missing, or cannot work, or contradicts another.
    pub fn check(&self) -> Result<()> {
        let cluster = match &self.access {
            ClusterAccess::Cluster { name, .. } => name.as_str(),
            ClusterAccess::Kubeconfig { .. } | ClusterAccess::InCluster => "given",
        };
        for (name, value) in [
            ("Cluster", cluster),
            ("Namespace", self.namespace.as_str()),
            ("DefaultImage", self.image.as_deref().unwrap_or("given by each task")),
            ("Username", self.ssh_user.as_str()),
        ] {
            if value.trim().is_empty() {
                return Err(wrong(format!("{name} is empty"), format!("set {name}")));
            }
        }
        if !names::is_dns_label(&self.namespace) {
            return Err(wrong(
                format!("Namespace {:?} is no name that Kubernetes takes", self.namespace),
                "use 1 to 63 characters of a-z, 0-9 and inner '-'",
            ));
        }
        if self.deadline.is_some_and(|deadline| deadline.is_zero()) {
            return Err(wrong("DeadlineSeconds is 0", "set a time that jobs can end in"));
        }
        if let Some(agent) = &self.agent {
            agent.check()?;
        }
        self.check_labels()?;
        self.check_sizes()?;
        for toleration in &self.tolerations {
            let (key, value) = (&toleration.key, toleration.value.as_deref().unwrap_or_default());
            if !(key.is_empty() || names::is_label_name(key)) || !names::is_label_value(value) {
                return Err(wrong(
                    format!("the toleration of {key:?} is not one that Kubernetes takes"),
                    "key and value of a taint follow the rules of labels",
                ));
            }
            match toleration.effect.as_deref() {
                None | Some("NoSchedule" | "PreferNoSchedule" | "NoExecute") => {}
                Some(other) => {
                    return Err(wrong(
                        format!("the toleration of {:?} has effect {other:?}", toleration.key),
                        "use NoSchedule, PreferNoSchedule or NoExecute",
                    ));
                }
            }
        }
        Ok(())
    }

    fn check_labels(&self) -> Result<()> {
        let labels = self.labels.iter().chain(&self.node_selector);
        for (name, value) in labels {
            if !names::is_label_name(name) || !names::is_label_value(value) {
                return Err(wrong(
                    format!("the label {name}={value} is not one that Kubernetes takes"),
                    "use up to 63 characters of a-z, A-Z, 0-9, '-', '_' and '.', beginning and \
                     ending with a letter or digit; a name may have a prefix such as example.com/",
                ));
            }
        }
        for name in self.annotations.keys() {
            if !names::is_label_name(name) {
                return Err(wrong(
                    format!("the annotation {name:?} has a name that Kubernetes does not take"),
                    "annotation names follow the rules of label names; put the text in the value",
                ));
            }
        }
        Ok(())
    }

    fn check_sizes(&self) -> Result<()> {
        let cpu = self.cpu.as_deref().unwrap_or("0");
        let memory = self.memory.as_deref().unwrap_or("0");
        if millicores(cpu).is_none() {
            return Err(no_quantity("CPU", cpu, "500m or 2"));
        }
        if bytes(memory).is_none() {
            return Err(no_quantity("Memory", memory, "512Mi or 8Gi"));
        }
        if FargateSize::for_requests(cpu, memory).is_none() {
            return Err(wrong(
                format!("Fargate has no size for {cpu} CPU and {memory} memory"),
                "the largest is 16 vCPU and 120 GB, 256 MiB of which are Fargate's own",
            ));
        }
        let storage = self.ephemeral_storage.as_deref().unwrap_or("0");
        match bytes(storage) {
            None => Err(no_quantity("EphemeralStorage", storage, "50Gi")),
            Some(size) if size > MAX_STORAGE => Err(wrong(
                format!("EphemeralStorage {storage} is more than Fargate has"),
                "175Gi is the most",
            )),
            Some(_) => Ok(()),
        }
    }
}

fn no_quantity(name: &str, value: &str, example: &str) -> Error {
    wrong(format!("{name} {value:?} is no quantity"), format!("write it like {example}"))
}

fn wrong(message: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidConfig, "check EKS settings", message).hint(hint)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Toleration;

    fn good() -> EksConfig {
        EksConfig::new(ClusterAccess::cluster("ci"), "jobs", "registry/image:1")
    }

    #[test]
    fn contradictions_are_named() {
        type Break = fn(&mut EksConfig);
        let table: [(&str, Break); 16] = [
            ("Cluster", |c| c.access = ClusterAccess::cluster(" ")),
            ("Namespace", |c| c.namespace.clear()),
            ("Namespace", |c| c.namespace = "a/b".to_owned()),
            ("DefaultImage", |c| c.image = Some(" ".to_owned())),
            ("Username", |c| c.ssh_user.clear()),
            ("DeadlineSeconds", |c| c.deadline = Some(Duration::ZERO)),
            ("CPU", |c| c.cpu = Some("much".to_owned())),
            ("Memory", |c| c.memory = Some("4 GB".to_owned())),
            ("no size", |c| c.memory = Some("120Gi".to_owned())),
            ("EphemeralStorage", |c| c.ephemeral_storage = Some("big".to_owned())),
            ("EphemeralStorage", |c| c.ephemeral_storage = Some("176Gi".to_owned())),
            ("label", |c| drop(c.labels.insert("a b".to_owned(), String::new()))),
            ("annotation", |c| drop(c.annotations.insert("/x".to_owned(), String::new()))),
            ("toleration", |c| c.tolerations.push(Toleration::new("a b"))),
            ("toleration", |c| c.tolerations.push(Toleration::new("x").value("a b"))),
            ("effect", |c| c.tolerations.push(Toleration::new("x").effect("Never"))),
        ];
        assert!(good().check().is_ok());
        for (word, break_it) in table {
            let mut config = good();
            break_it(&mut config);
            let error = config.check().expect_err(word);
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            assert!(error.message().contains(word), "{error}");
            assert!(error.advice().is_some());
        }
    }

    #[test]
    fn what_kubernetes_takes_is_accepted() {
        let mut config = good();
        config.image = None;
        config.deadline = Some(Duration::from_secs(1));
        config.cpu = Some("500m".to_owned());
        config.memory = Some("1Gi".to_owned());
        config.ephemeral_storage = Some("175Gi".to_owned());
        config.labels.insert("example.com/team".to_owned(), "a_b.C".to_owned());
        config.tolerations.push(Toleration::new("x").value("y").effect("NoSchedule"));
        assert!(config.check().is_ok());
        config.access = ClusterAccess::InCluster;
        assert!(config.check().is_ok());
    }
}
