//! The agent that is put into a task's containers, from the settings of either backend on AWS.

use fargate_core::{AgentSetup, Error, ErrorKind, Result, TaskImage};

use crate::config::{Settings, keys};
use crate::driver::pull_secret;

/// GitLab's helper image of the newest GitLab Runner.
const LATEST_HELPER: &str = "latest";

/// The word for no helper.
const NO_HELPER: &str = "none";

/// The keys of one backend.
#[derive(Debug)]
pub(super) struct AgentKeys {
    image: &'static str,
    port: &'static str,
    mode: Option<&'static str>,
    helper: &'static str,
    service_timeout: &'static str,
    shared: &'static str,
}

pub(super) const ECS: AgentKeys = AgentKeys {
    image: keys::AGENT_IMAGE,
    port: keys::AGENT_PORT,
    mode: Some(keys::MODE),
    helper: keys::HELPER_IMAGE,
    service_timeout: keys::SERVICE_TIMEOUT,
    shared: keys::SHARED_DIRECTORIES,
};

pub(super) const EKS: AgentKeys = AgentKeys {
    image: keys::EKS_AGENT_IMAGE,
    port: keys::EKS_AGENT_PORT,
    mode: None,
    helper: keys::EKS_HELPER_IMAGE,
    service_timeout: keys::EKS_SERVICE_TIMEOUT,
    shared: keys::EKS_SHARED_DIRECTORIES,
};

impl AgentKeys {
    /// Whether tasks have the agent.
    pub(super) fn is_on(&self, settings: &Settings) -> bool {
        settings.text(self.image).is_some() && !self.is_off(settings)
    }

    /// Whether the operator has said that tasks have none.
    pub(super) fn is_off(&self, settings: &Settings) -> bool {
        self.mode.and_then(|mode| settings.text(mode)) == Some("sshd")
    }

    /// Why tasks have no agent; `None` where they have one.
    pub(super) fn why_off(&self, settings: &Settings) -> Option<String> {
        match self.mode.filter(|_| self.is_off(settings)) {
            Some(mode) => Some(format!("{mode} is \"sshd\"")),
            None if self.is_on(settings) => None,
            None => Some(format!("{} is not set", self.image)),
        }
    }

    /// What the settings say of it; `None` where tasks have none.
    ///
    /// `needing` are the keys for which tasks need the agent.
    ///
    /// # Errors
    /// `InvalidConfig`: something needs the agent that is not there, or a pattern is malformed.
    pub(super) fn setup(
        &self,
        settings: &Settings,
        needing: &[&'static str],
    ) -> Result<Option<AgentSetup>> {
        if self.is_off(settings) {
            return Ok(None);
        }
        let Some(image) = settings.text(self.image) else {
            let helper = settings.text(self.helper).filter(|name| *name != NO_HELPER);
            let helper = helper.map(|_| self.helper);
            let needing = self.mode.into_iter().chain(helper).chain(needing.iter().copied());
            return match needing.into_iter().find_map(|key| said(settings, key)) {
                Some(what) => Err(self.missing(&what)),
                None => Ok(None),
            };
        };
        let mut agent = AgentSetup::new(image);
        if let Some(port) = settings.number(self.port).and_then(|port| u16::try_from(port).ok()) {
            agent.port = port;
        }
        if let Some(timeout) = settings.duration(self.service_timeout) {
            agent.service_timeout = timeout;
        }
        agent.shared = settings.texts(self.shared).to_vec();
        agent.helper = match settings.text(self.helper) {
            Some(NO_HELPER) => None,
            Some(name) => Some(TaskImage::new(name)),
            None => Some(TaskImage::new(gitlab_helper(LATEST_HELPER, false))),
        };
        for image in [Some(&mut agent.image), agent.helper.as_mut()].into_iter().flatten() {
            image.pull_secret = pull_secret(settings, image)?;
        }
        Ok(Some(agent))
    }

    /// The key with the helper's image, where that is left to the driver.
    pub(super) fn open_helper(&self, settings: &Settings) -> Option<&'static str> {
        (self.is_on(settings) && settings.text(self.helper).is_none()).then_some(self.helper)
    }

    fn missing(&self, what: &str) -> Error {
        let name = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        Error::new(
            ErrorKind::InvalidConfig,
            "read the configuration",
            format!("{what} is set, and {} is not", self.image),
        )
        .hint(format!(
            "set {}: nothing else gets into images as they are; or leave {} out",
            name(self.image),
            what.split(' ').next().map(name).unwrap_or_default()
        ))
    }
}

/// Who sets `key`: the key itself, or a rule.
fn said(settings: &Settings, key: &'static str) -> Option<String> {
    if settings.get(key).is_some() {
        return Some(key.to_owned());
    }
    let name = key.rsplit('.').next()?;
    let rule =
        settings.rules(keys::POLICY_RULES).iter().find(|rule| rule.says.contains_key(name))?;
    Some(format!("{name} of rule {:?}", rule.name))
}

/// The part of the tag for a version of GitLab Runner, as `Version` in `info.go` makes it. Versions
/// can be set by a job's author, so only what looks like one counts.
pub(super) fn helper_version(runner: Option<&str>) -> String {
    let parts: Vec<_> = runner.unwrap_or_default().splitn(3, '.').collect();
    let [major, minor, patch] = parts[..] else { return LATEST_HELPER.to_owned() };
    // What follows the patch is a pre-release.
    let patch = &patch[..patch.find(|c: char| !c.is_ascii_digit()).unwrap_or(patch.len())];
    let good = |part: &str| {
        (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    match [major, minor, patch].into_iter().all(good) {
        true => format!("v{major}.{minor}.{patch}"),
        false => LATEST_HELPER.to_owned(),
    }
}

/// The image that GitLab builds for the helper containers of its own executors, of one version of
/// GitLab Runner, such as `v19.3.0`.
///
/// Name and tags are those of `helpers/container/helperimage` in GitLab Runner (`info.go`,
/// `linux_info.go`).
pub(super) fn gitlab_helper(version: &str, arm64: bool) -> String {
    let architecture = if arm64 { "arm64" } else { "x86_64" };
    format!(
        "registry.gitlab.com/gitlab-org/gitlab-runner/gitlab-runner-helper:{architecture}-{version}"
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::config::load_text;

    fn setup(text: &str) -> Result<Option<AgentSetup>> {
        let settings = load_text(text, Path::new("c.toml")).unwrap().settings;
        ECS.setup(&settings, &[keys::ALLOWED_IMAGES, keys::ALLOWED_SERVICES])
    }

    #[test]
    fn what_is_set_is_what_tasks_get() {
        let agent = setup(
            "[Fargate]\nAgentImage = 'a:1'\nAgentPort = 3000\nHelperImage = 'r.example.com/h:1'\n\
             ServiceTimeout = '2m'\nSharedDirectories = ['/b']\n[Policy]\n\
             RegistryCredentials = [{ Images = 'r.example.com/**', Secret = 's' }]\n",
        );
        let agent = agent.unwrap().unwrap();
        assert_eq!((agent.port, agent.service_timeout), (3000, Duration::from_secs(120)));
        assert_eq!(agent.shared, ["/b"]);
        assert_eq!(agent.image, TaskImage::new("a:1"));
        assert_eq!(agent.helper, Some(TaskImage::new("r.example.com/h:1").pull_secret("s")));
    }

    #[test]
    fn gitlabs_helper_is_the_default_and_none_is_none() {
        let helper = |more: &str| {
            let agent = setup(&format!("[Fargate]\nAgentImage = 'a:1'\n{more}")).unwrap().unwrap();
            agent.helper.map(|helper| helper.name)
        };
        assert!(helper("").unwrap().ends_with("/gitlab-runner-helper:x86_64-latest"));
        assert_eq!(helper("HelperImage = ''"), None);
        assert_eq!(helper("HelperImage = 'none'"), None);
    }

    #[test]
    fn the_helper_is_as_old_as_the_runner() {
        for (runner, version) in [
            (Some("19.3.0"), "v19.3.0"),
            (Some("19.4.0~pre.12.gabcdef01"), "v19.4.0"),
            (Some("19.3"), "latest"),
            (Some("19.3.x"), "latest"),
            (Some("../../evil:1.2.3"), "latest"),
            (Some("12345.1.1"), "latest"),
            (Some(""), "latest"),
            (None, "latest"),
        ] {
            assert_eq!(helper_version(runner), version, "{runner:?}");
        }
        assert!(gitlab_helper("v19.3.0", true).ends_with("gitlab-runner-helper:arm64-v19.3.0"));
    }

    #[test]
    fn the_agent_can_be_turned_off_and_is_missed_where_it_is_needed() {
        let off = "[Fargate]\nMode = 'sshd'\nAgentImage = 'a:1'\nAllowedImages = ['**']\n";
        assert_eq!(setup(off).unwrap(), None);
        assert_eq!(setup("[Fargate]\nHelperImage = 'none'\n").unwrap(), None);
        for (text, what) in [
            ("[Fargate]\nMode = 'agent'\n", "Fargate.Mode is set"),
            ("[Fargate]\nHelperImage = 'h:1'\n", "Fargate.HelperImage is set"),
            ("[Fargate]\nAllowedImages = []\n", "Fargate.AllowedImages is set"),
            ("[Policy]\nAllowedServices = []\n", "Policy.AllowedServices is set"),
            (
                "[[Policy.Rules]]\nName = 'a'\nAllowedImages = []\n",
                "AllowedImages of rule \"a\" is set",
            ),
        ] {
            let error = setup(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            assert!(error.message().contains(what), "{error}");
            assert!(error.advice().is_some_and(|hint| hint.contains("set AgentImage")));
        }
    }
}
