//! Which rule a job comes under.

use fargate_core::Result;

use crate::config::Rule;
use crate::driver::patterns::{Patterns, Star};
use crate::gitlab::JobSource;

/// The first rule whose conditions all hold. What GitLab does not tell meets no condition.
pub(super) fn first<'a>(rules: &'a [Rule], source: &JobSource) -> Result<Option<&'a Rule>> {
    for rule in rules {
        let Conditions { projects, refs } = conditions(rule)?;
        let meets = |patterns: Option<Patterns>, told: Option<&String>| {
            patterns.is_none_or(|patterns| told.is_some_and(|told| patterns.allow(told)))
        };
        if meets(projects, source.project.as_ref())
            && meets(refs, source.git_ref.as_ref())
            && rule.protected.is_none_or(|wanted| source.protected == Some(wanted))
        {
            return Ok(Some(rule));
        }
    }
    Ok(None)
}

/// Finds malformed patterns in the conditions.
pub(super) fn check(rule: &Rule) -> Result<()> {
    conditions(rule).map(drop)
}

/// Where something stands, for people.
pub(super) fn place(rule: &Rule, name: &str) -> String {
    format!("{name} of rule {:?}", rule.name)
}

struct Conditions {
    projects: Option<Patterns>,
    refs: Option<Patterns>,
}

fn conditions(rule: &Rule) -> Result<Conditions> {
    let read = |name: &str, texts: &Option<Vec<String>>| {
        let texts = texts.as_ref();
        texts.map(|texts| Patterns::new(&place(rule, name), texts, Star::OnePart)).transpose()
    };
    Ok(Conditions { projects: read("Projects", &rule.projects)?, refs: read("Refs", &rule.refs)? })
}
