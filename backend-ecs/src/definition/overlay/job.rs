//! The job's container.

use fargate_core::{AgentSetup, Result, TaskImage};
use serde_json::{Value, json};

use super::fields::{Fields, push, put, set_variables};
use super::lent::Lent;
use super::volumes;

/// Lets the job's container run the agent in `image`, or else in its own.
pub(super) fn lay(
    job: &mut Fields,
    agent: &AgentSetup,
    image: Option<&TaskImage>,
    hosts: &[&str],
    lent: &Lent,
) -> Result<()> {
    let own = TaskImage::new(&lent.image);
    lent.dress(job, "the job's image", image.unwrap_or(&own))?;
    let (entry_point, command) = words(image);
    put(job, "entryPoint", entry_point);
    put(job, "command", command);
    set_variables(job, agent.job_environment(hosts));
    volumes::mount_agent(job, true)?;
    wait_for_agent(job);
    Ok(())
}

/// Lets a container start only after the agent is there.
pub(super) fn wait_for_agent(container: &mut Fields) {
    let bringer = json!({"containerName": AgentSetup::BRINGER, "condition": "SUCCESS"});
    push(container, "dependsOn", bringer);
}

/// Entry point and command. The agent takes no arguments, which an entry point such as
/// `["sh", "-c"]` would swallow; it reads its environment instead.
fn words(image: Option<&TaskImage>) -> (Option<Value>, Option<Value>) {
    let program = Some(json!([AgentSetup::PROGRAM]));
    match image.map(|image| image.entrypoint.as_slice()) {
        // The image's own, which has to run the words behind it.
        Some([]) => (None, program),
        Some(words) if words.iter().any(|word| !word.is_empty()) => (Some(json!(words)), program),
        // None at all: it was said so, or it is the base's, which was made to run something else.
        // With an entry point of the container, the image's command is void (`docker run`).
        _ => (program, None),
    }
}
