//! `fargate policy explain`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use fargate_core::{AgentSetup, Capacity, Error, Result, TaskImage};
use serde::Serialize;

use super::cli::{Cli, ExplainArgs};
use super::context::load_settings;
use super::decision::{Decision, decide};
use super::job_log::say_error;
use super::policy::{self, Ruling};
use super::refusal::Refusal;
use super::resources::Sized;
use crate::backends;
use crate::exit::Exit;
use crate::gitlab::JobRequest;

/// What a job would get.
#[derive(Serialize)]
struct Explained<'a> {
    runs: bool,
    rule: Option<&'a str>,
    image: ExplainedImage<'a>,
    helper: Option<ExplainedImage<'a>>,
    agent: Option<ExplainedImage<'a>>,
    services: Vec<ExplainedService<'a>>,
    size: Option<Sized>,
    ephemeral_storage: Option<u32>,
    capacity: Option<Capacity>,
    role: Option<&'a str>,
    /// What let the job have what its variables ask for.
    rulings: BTreeMap<&'static str, &'a Ruling>,
    notes: Vec<String>,
}

#[derive(Default, Serialize)]
struct ExplainedImage<'a> {
    /// `None` is the task definition's.
    name: Option<&'a str>,
    platform: Option<&'a str>,
    user: Option<&'a str>,
    pull_secret: Option<&'a str>,
    ruling: Option<&'a Ruling>,
}

#[derive(Serialize)]
struct ExplainedService<'a> {
    container: &'a str,
    #[serde(flatten)]
    image: ExplainedImage<'a>,
    aliases: &'a [String],
    port: Option<u16>,
}

/// Why a job would not run.
#[derive(Serialize)]
struct Refused<'a> {
    runs: bool,
    error: &'a str,
    allowed: Option<&'a str>,
    rule: Option<&'a str>,
    fix: Option<&'a str>,
}

/// Says what the job of a job response would get, and what decides that, without a call to anybody.
///
/// Fails with [`Exit::FAILURE`] for a job that is refused.
///
/// # Errors
/// `InvalidConfig`: the configuration or the response cannot be read or contradicts itself.
pub(super) fn explain(cli: &Cli, args: &ExplainArgs) -> Result<Exit> {
    let request = JobRequest::from_file(&args.job)?;
    // The variables that GitLab Runner would pass on.
    let get = |name: &str| {
        let variable = name.strip_prefix("CUSTOM_ENV_")?;
        request.variable(variable).map(Into::into)
    };
    let (path, loaded) = load_settings(cli, &get)?;
    loaded.require(&path)?;
    let mut settings = loaded.settings;
    policy::check(&settings)?;
    let decision = match decide(&settings, &request) {
        Ok(decision) => decision,
        Err(Refusal::Other(error)) => return Err(error),
        Err(Refusal::Author(error)) => {
            refused(args, &error);
            return Ok(Exit::FAILURE);
        }
    };
    let runner = request.variable("CI_RUNNER_VERSION");
    backends::choose_helper(&mut settings, runner.as_deref(), decision.is_arm64());
    backends::open(&settings)?;
    let agent = backends::agent(&settings)?;
    let explained = Explained::new(&decision, agent.as_ref());
    match args.json {
        true => print(&json(&explained)),
        false => print(&explained.text()),
    }
    Ok(Exit::SUCCESS)
}

fn refused(args: &ExplainArgs, error: &Error) {
    if !args.json {
        say_error(error);
        return;
    }
    print(&json(&Refused {
        runs: false,
        error: error.message(),
        allowed: error.context_value("allowed"),
        rule: error.context_value("rule"),
        fix: error.advice(),
    }));
}

fn json<T: Serialize>(value: &T) -> String {
    // Nothing in it has a form that JSON has not.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn print(text: &str) {
    // A closed pipe is the reader's choice.
    let _closed = io::stdout().lock().write_all(text.as_bytes());
}

impl<'a> Explained<'a> {
    fn new(decision: &'a Decision, agent: Option<&'a AgentSetup>) -> Self {
        let resources = &decision.resources;
        let services = decision.services.chosen.iter().map(|one| ExplainedService {
            container: &one.service.name,
            image: ExplainedImage::new(&one.service.image, Some(&one.shown), Some(&one.ruling)),
            aliases: &one.service.aliases,
            port: one.service.port,
        });
        let shown = decision.image.shown.as_deref();
        let image = decision.image.image.as_ref().map_or_else(
            || ExplainedImage { name: shown, ..ExplainedImage::default() },
            |image| ExplainedImage::new(image, shown, decision.image.ruling.as_ref()),
        );
        let helper = agent.and_then(|agent| agent.helper.as_ref());
        let plain = |image: &'a TaskImage| ExplainedImage::new(image, Some(&image.name), None);
        Self {
            runs: true,
            rule: decision.rule.as_deref(),
            image,
            helper: helper.map(plain),
            agent: agent.map(|agent| plain(&agent.image)),
            services: services.collect(),
            size: resources.size,
            ephemeral_storage: resources.needs.ephemeral_storage,
            capacity: resources.needs.capacity,
            role: resources.needs.role.as_deref(),
            rulings: resources.rulings.iter().map(|(name, ruling)| (*name, ruling)).collect(),
            notes: decision.unused(),
        }
    }

    /// A line for each thing, for people.
    fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |what: &str, value: &str| {
            // Writing to a string cannot fail.
            let _infallible = writeln!(text, "{what:10}{value}");
        };
        line("rule", self.rule.unwrap_or("none: what holds for every job"));
        line("image", &self.image.text());
        for service in &self.services {
            let port = service.port.map_or_else(|| "unknown".to_owned(), |port| port.to_string());
            let aliases = service.aliases.join(", ");
            let image = service.image.text();
            line("service", &format!("{image}, names {aliases}, port {port}"));
        }
        for (what, image) in [("helper", &self.helper), ("agent", &self.agent)] {
            image.iter().for_each(|image| line(what, &image.text()));
        }
        self.size.iter().for_each(|size| line("size", &size.to_string()));
        self.ephemeral_storage.iter().for_each(|gib| line("disk", &format!("{gib} GiB")));
        match self.capacity {
            Some(Capacity::Spot) => line("capacity", "spot"),
            Some(_) => line("capacity", "on-demand"),
            None => {}
        }
        self.role.iter().for_each(|role| line("role", role));
        for (variable, ruling) in &self.rulings {
            line("allowed", &format!("{variable} by {}", by(ruling)));
        }
        self.notes.iter().for_each(|note| line("note", note));
        text
    }
}

impl<'a> ExplainedImage<'a> {
    fn new(image: &'a TaskImage, shown: Option<&'a str>, ruling: Option<&'a Ruling>) -> Self {
        Self {
            name: shown,
            platform: image.platform.as_deref(),
            user: image.user.as_deref(),
            pull_secret: image.pull_secret.as_deref(),
            ruling,
        }
    }

    fn text(&self) -> String {
        let mut text = self.name.unwrap_or("the task definition's").to_owned();
        let more =
            [("platform", self.platform), ("user", self.user), ("pulled with", self.pull_secret)];
        for (what, value) in more {
            value.iter().for_each(|value| text.push_str(&format!(", {what} {value}")));
        }
        self.ruling
            .iter()
            .for_each(|ruling| text.push_str(&format!(", allowed by {}", by(ruling))));
        text
    }
}

fn by(ruling: &Ruling) -> String {
    match &ruling.allowed {
        Some(allowed) => format!("{} ({allowed})", ruling.by),
        None => ruling.by.clone(),
    }
}
