//! The ports that show that services are up.

use fargate_core::AgentSetup;

use super::authors;
use crate::driver::refusal::Refusal;
use crate::gitlab::{JobRequest, JobService, PORT_VARIABLE};

/// What well-known images listen on, by the last part of their names.
const WELL_KNOWN: [(&str, u16); 28] = [
    ("postgres", 5432),
    ("postgresql", 5432),
    ("postgis", 5432),
    ("pgvector", 5432),
    ("timescaledb", 5432),
    ("redis", 6379),
    ("redis-stack-server", 6379),
    ("valkey", 6379),
    ("mysql", 3306),
    ("mysql-server", 3306),
    ("mariadb", 3306),
    ("percona", 3306),
    ("mongo", 27017),
    ("mongodb", 27017),
    ("rabbitmq", 5672),
    ("elasticsearch", 9200),
    ("opensearch", 9200),
    ("memcached", 11211),
    ("nats", 4222),
    ("minio", 9000),
    ("kafka", 9092),
    ("zookeeper", 2181),
    ("cassandra", 9042),
    ("clickhouse-server", 8123),
    ("consul", 8500),
    ("vault", 8200),
    ("nginx", 80),
    ("localstack", 4566),
];

/// A port, by who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    /// The service's own variable, or what its image is known to listen on.
    Own(u16),
    /// The job's variable, which is the same for all services.
    OfJob(u16),
}

impl Port {
    fn number(self) -> u16 {
        let (Self::Own(port) | Self::OfJob(port)) = self;
        port
    }
}

/// The port of each service; `None` if nobody knows it.
///
/// # Errors
/// The author's for a variable that holds no port, and for a port that is another's.
pub(super) fn of_all(
    request: &JobRequest,
    services: &[JobService],
    agent: &AgentSetup,
) -> Result<Vec<Option<u16>>, Refusal> {
    let ports: Result<Vec<_>, _> = services.iter().map(|service| of(request, service)).collect();
    let ports = ports?;
    let shown = services.iter().map(|service| service.image.shown.as_str());
    let known: Vec<_> =
        ports.iter().zip(shown).filter_map(|(port, shown)| Some(((*port)?, shown))).collect();
    check(&known, agent)?;
    Ok(ports.iter().map(|port| port.map(Port::number)).collect())
}

fn of(request: &JobRequest, service: &JobService) -> Result<Option<Port>, Refusal> {
    if let Some(text) = service.variables.get(PORT_VARIABLE).filter(|text| !text.is_empty()) {
        return read(request, text).map(|port| Some(Port::Own(port)));
    }
    if let Some(text) = request.variable(PORT_VARIABLE) {
        return read(request, &text).map(|port| Some(Port::OfJob(port)));
    }
    let name = last_part(&service.image.name);
    let known = WELL_KNOWN.iter().find(|(image, _)| *image == name);
    Ok(known.map(|(_, port)| Port::Own(*port)))
}

/// Checks that each can listen on its port: they share the task's addresses.
fn check(ports: &[(Port, &str)], agent: &AgentSetup) -> Result<(), Refusal> {
    let change = "let one of them listen on another port, and tell that in its variable";
    for (at, (port, shown)) in ports.iter().enumerate() {
        let number = port.number();
        if number == agent.port || (agent.helper.is_some() && number == agent.helper_port()) {
            let message = format!(
                "the service {shown} would listen on port {number}, which the task's agent has"
            );
            let hint = format!(
                "let it listen on another port, and tell that in its variable {PORT_VARIABLE}"
            );
            return Err(authors(message, &hint));
        }
        let same =
            ports[..at].iter().find(|(other, _)| matches!(port, Port::Own(_)) && other == port);
        if let Some((_, other)) = same {
            let message = format!(
                "the services {other} and {shown} would both listen on port {number} of the task"
            );
            return Err(authors(message, &format!("{change} {PORT_VARIABLE}")));
        }
    }
    Ok(())
}

fn read(request: &JobRequest, text: &str) -> Result<u16, Refusal> {
    text.trim().parse().ok().filter(|port| *port > 0).ok_or_else(|| {
        let message = format!("{PORT_VARIABLE} is {:?}, which is no port", request.shown(text));
        authors(message, "write a number from 1 to 65535")
    })
}

/// The last part of an image's name, without tag and digest.
pub(super) fn last_part(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or(image);
    let last = name.rsplit('/').next().unwrap_or(name);
    last.split(':').next().unwrap_or(last)
}
