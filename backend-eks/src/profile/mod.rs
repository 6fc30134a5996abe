//! Whether a Fargate profile of the cluster takes the pods, asked before one is created.
//!
//! Without one a pod stays pending, and all the cluster says is that it has no node for it.

mod selector;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_eks::Client;
use aws_sdk_eks::error::DisplayErrorContext;
use fargate_core::{Error, ErrorKind, Result};
use serde_json::Value;
use tokio::time::timeout;

use self::selector::{Profile, Wanted};
use crate::call::CREATE;

/// The Fargate profiles of one cluster, asked for when they are needed.
pub(crate) struct Profiles {
    client: Client,
    cluster: String,
    /// How long a launch waits for what EKS says.
    limit: Duration,
    /// Those that have taken a pod.
    known: Mutex<Vec<Profile>>,
}

impl fmt::Debug for Profiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profiles").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl Profiles {
    pub(crate) fn new(client: Client, cluster: &str, limit: Duration) -> Self {
        Self { client, cluster: cluster.to_owned(), limit, known: Mutex::default() }
    }

    /// Finds a profile that takes `pod`.
    ///
    /// A pod that is meant for other nodes passes. So does every pod where EKS cannot be asked:
    /// the cluster will have its own words for it.
    ///
    /// # Errors
    /// `InvalidConfig` when no profile takes it.
    pub(crate) async fn check(&self, pod: &Value) -> Result<()> {
        let Some(wanted) = Wanted::of(pod) else { return Ok(()) };
        if self.known().iter().any(|profile| profile.takes(&wanted)) {
            return Ok(());
        }
        let seen = match timeout(self.limit, self.look_for(&wanted)).await {
            Ok(Ok(None)) => return Ok(()),
            Ok(Ok(Some(seen))) => seen,
            Ok(Err(error)) => {
                tracing::debug!(%error, "going on without a look at the Fargate profiles; allow \
                    eks:ListFargateProfiles and eks:DescribeFargateProfile to the driver");
                return Ok(());
            }
            Err(_) => {
                tracing::debug!("going on without the Fargate profiles: no answer in time");
                return Ok(());
            }
        };
        Err(refusal(&self.cluster, &wanted, &seen))
    }

    fn known(&self) -> MutexGuard<'_, Vec<Profile>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks until a profile takes the pod: `None`. Otherwise all the profiles there are.
    async fn look_for(&self, wanted: &Wanted<'_>) -> Result<Option<Vec<Profile>>, String> {
        let mut seen = Vec::new();
        let mut pages =
            self.client.list_fargate_profiles().cluster_name(&self.cluster).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| DisplayErrorContext(&error).to_string())?;
            for name in page.fargate_profile_names() {
                let Some(profile) = self.describe(name).await? else { continue };
                if profile.takes(wanted) {
                    self.known().push(profile);
                    return Ok(None);
                }
                seen.push(profile);
            }
        }
        Ok(Some(seen))
    }

    /// `None` for a profile that has gone meanwhile.
    async fn describe(&self, name: &str) -> Result<Option<Profile>, String> {
        let request = self.client.describe_fargate_profile().cluster_name(&self.cluster);
        match request.fargate_profile_name(name).send().await {
            Ok(answer) => Ok(answer.fargate_profile().map(Profile::of)),
            Err(error) => match error.as_service_error() {
                Some(service) if service.is_resource_not_found_exception() => Ok(None),
                _ => Err(DisplayErrorContext(&error).to_string()),
            },
        }
    }
}

fn refusal(cluster: &str, wanted: &Wanted<'_>, profiles: &[Profile]) -> Error {
    let message = if profiles.is_empty() {
        format!("the cluster {cluster} has no Fargate profile, so Fargate would never take the pod")
    } else {
        format!("no Fargate profile of the cluster {cluster} takes the pod: it is in {wanted}")
    };
    let mut error = Error::new(ErrorKind::InvalidConfig, CREATE.op, message);
    for profile in profiles {
        error = error.with("profile", profile.to_string());
    }
    error.hint(
        "set Namespace and Labels to what one of the profiles selects, or create a Fargate \
         profile that selects them; for nodes that are not Fargate's set NodeSelector",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_names_the_pods_marks_and_what_each_profile_would_take() {
        let pod = json!({"metadata": {"namespace": "jobs", "labels": {"team": "a"}}, "spec": {}});
        let wanted = Wanted::of(&pod).unwrap();
        let profile = Profile::new("ci", "ACTIVE", &[("ci-*", &[("team", "b")]), ("other", &[])]);
        let error = refusal("prod", &wanted, &[profile]);
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().contains("namespace jobs with the labels team=a"), "{error}");
        assert_eq!(
            error.context_value("profile"),
            Some("ci (ACTIVE): namespace ci-* with the labels team=b, or namespace other")
        );
        assert!(refusal("prod", &wanted, &[]).message().contains("no Fargate profile"));
    }
}
