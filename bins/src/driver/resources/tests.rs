use serde_json::json;

use super::*;
use crate::driver::testing::{authors, request, settings};

const ROLE: &str = "arn:aws:iam::111122223333:role/ci-deploy";
const ECS: &str = "[Policy]\nMaxCPU = '4 vCPU'\nMaxMemory = '16 GB'\nMaxEphemeralStorageGiB = 100\n\
                   AllowedTaskRoles = ['arn:aws:iam::111122223333:role/ci-*']\n\
                   AllowedCapacity = ['spot', 'on-demand']\n";

fn chosen(config: &str, variables: &[(&str, &str)]) -> Result<Resources, Refusal> {
    let settings = settings(config);
    let variables: Vec<_> =
        variables.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    let request = request(&json!({"id": 7, "variables": variables}));
    choose(&settings, &Policy::of(&settings, request.source())?, &request)
}

/// The size in numbers, and in words.
fn sized(config: &str, cpu: &str, memory: &str) -> (Option<u32>, Option<u32>, String) {
    let variables = [("FARGATE_CPU", cpu), ("FARGATE_MEMORY", memory)];
    let asked: Vec<_> = variables.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let resources = chosen(config, &asked).unwrap();
    let words = resources.size.map(|size| size.to_string()).unwrap_or_default();
    (resources.needs.cpu, resources.needs.memory, words)
}

#[test]
fn a_size_is_rounded_up_to_one_that_ecs_has_and_the_author_is_told() {
    let own = format!("[Fargate]\nCpu = '2 vCPU'\nMemory = 4096\n{ECS}");
    for (config, cpu, memory, got, words) in [
        (ECS, "1024", "2048", (1024, 2048), "CPU 1 vCPU, memory 2 GB"),
        (
            ECS,
            ".5 vCPU",
            "4500 MB",
            (1024, 5120),
            "CPU 0.5 vCPU, memory 4500 MB, rounded up to CPU 1 vCPU, memory 5 GB",
        ),
        // The definition's own is not known: the least that goes with it.
        (ECS, "4 vCPU", "", (4096, 8192), "CPU 4 vCPU, rounded up to CPU 4 vCPU, memory 8 GB"),
        (ECS, "", "2GB", (256, 2048), "memory 2 GB, rounded up to CPU 0.25 vCPU, memory 2 GB"),
        (&own, "4 vCPU", "", (4096, 8192), ""),
        (&own, "", "8 GB", (2048, 8192), "CPU 2 vCPU, memory 8 GB"),
    ] {
        let (found_cpu, found_memory, said) = sized(config, cpu, memory);
        assert_eq!((found_cpu, found_memory), (Some(got.0), Some(got.1)), "{cpu} {memory}");
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn on_eks_what_is_asked_for_is_passed_on_where_fargate_has_it() {
    let eks = format!("Backend = 'eks'\n{}", ECS.replace("16 GB", "200 GB"));
    assert_eq!(sized(&eks, "300", "").0, Some(300));
    assert_eq!(sized(&eks, "300", "").1, None);
    assert_eq!(sized(&eks, "1 vCPU", "3000").2, "CPU 1 vCPU, memory 3000 MB");
    let error = authors(chosen(&eks, &[("FARGATE_MEMORY", "120 GB")]));
    assert!(error.message().contains("nothing so large"), "{error}");
}

#[test]
fn disk_capacity_and_role_are_passed_on() {
    let all = [
        ("FARGATE_EPHEMERAL_STORAGE", "100"),
        ("FARGATE_CAPACITY", "Spot"),
        ("FARGATE_TASK_ROLE", ROLE),
    ];
    let resources = chosen(ECS, &all).unwrap();
    assert_eq!(resources.needs.ephemeral_storage, Some(100));
    assert_eq!(resources.needs.capacity, Some(Capacity::Spot));
    assert_eq!(resources.needs.role.as_deref(), Some(ROLE));
    assert_eq!((resources.needs.cpu, resources.size), (None, None));
    assert_eq!(resources.rulings.len(), 3);
    assert!(resources.notes.is_empty());
    assert!(chosen(ECS, &[]).unwrap().needs.is_default());
}

#[test]
fn what_a_job_may_not_choose_is_not_used_and_it_is_told() {
    let all = [
        ("FARGATE_CPU", "lots"),
        ("FARGATE_MEMORY", "8 GB"),
        ("FARGATE_EPHEMERAL_STORAGE", "100"),
        ("FARGATE_CAPACITY", "spot"),
        ("FARGATE_TASK_ROLE", ROLE),
    ];
    let resources = chosen("", &all).unwrap();
    assert!(resources.needs.is_default());
    assert_eq!(resources.notes.len(), 5);
    assert_eq!(resources.notes[0], "FARGATE_CPU is not used: Policy.MaxCPU is not set");
    let local = chosen(&format!("Backend = 'local'\n{ECS}"), &all).unwrap();
    assert!(local.needs.is_default() && local.notes.is_empty());
}

#[test]
fn what_means_nothing_or_is_too_much_is_the_authors_error() {
    for (variable, value, words) in [
        ("FARGATE_CPU", "lots", "\"lots\", which means nothing"),
        ("FARGATE_CPU", "2 GB", "means nothing"),
        ("FARGATE_CPU", "0", "means nothing"),
        ("FARGATE_CPU", "4097", "not allowed"),
        ("FARGATE_CPU", "8 vCPU", "not allowed"),
        ("FARGATE_MEMORY", "-1", "means nothing"),
        ("FARGATE_MEMORY", "17 GB", "not allowed"),
        ("FARGATE_EPHEMERAL_STORAGE", "20", "means nothing"),
        ("FARGATE_EPHEMERAL_STORAGE", "201", "means nothing"),
        ("FARGATE_EPHEMERAL_STORAGE", "101", "not allowed"),
        ("FARGATE_CAPACITY", "cheap", "means nothing"),
        ("FARGATE_TASK_ROLE", "arn:aws:iam::111122223333:role/admin", "not allowed"),
        ("FARGATE_TASK_ROLE", "arn:aws:iam::111122223333:role/ci-x/admin", "not allowed"),
        ("FARGATE_TASK_ROLE", "a role", "means nothing"),
    ] {
        let error = authors(chosen(ECS, &[(variable, value)]));
        assert!(error.message().contains(words), "{value}: {error}");
        assert!(error.message().contains(variable), "{value}: {error}");
        assert!(error.advice().is_some(), "{error}");
    }
    let error = authors(chosen(ECS, &[("FARGATE_MEMORY", "17 GB")]));
    assert_eq!(error.context_value("allowed"), Some("up to 16 GB"));
    assert_eq!(error.context_value("rule"), Some("Policy.MaxMemory"));
}

#[test]
fn rounding_up_stays_within_the_maximum() {
    let small = "[Policy]\nMaxCPU = '1 vCPU'\nMaxMemory = '16 GB'\n";
    let error = authors(chosen(small, &[("FARGATE_CPU", "1 vCPU"), ("FARGATE_MEMORY", "16 GB")]));
    assert!(error.message().contains("Policy.MaxCPU allows up to 1 vCPU"), "{error}");
    let narrow = "[Policy]\nMaxCPU = '4 vCPU'\nMaxMemory = '4 GB'\n";
    let error = authors(chosen(narrow, &[("FARGATE_CPU", "4 vCPU")]));
    assert!(error.message().contains("Policy.MaxMemory allows up to 4 GB"), "{error}");
    // The operator's own size is no job's choice.
    let own = format!("[Fargate]\nCpu = 4096\nMemory = '30 GB'\n{narrow}");
    assert_eq!(chosen(&own, &[("FARGATE_CPU", "4 vCPU")]).unwrap().needs.memory, Some(30_720));
}

#[test]
fn a_capacity_must_be_listed_and_there() {
    let only = ECS.replace("'spot', 'on-demand'", "'on-demand'");
    let error = authors(chosen(&only, &[("FARGATE_CAPACITY", "spot")]));
    assert_eq!(error.context_value("allowed"), Some("on-demand"));
    assert_eq!(error.context_value("rule"), Some("Policy.AllowedCapacity"));
    let eks = format!("Backend = 'eks'\n{ECS}");
    let error = authors(chosen(&eks, &[("FARGATE_CAPACITY", "spot")]));
    assert!(error.message().contains("no Spot for pods"), "{error}");
    let fine = chosen(&eks, &[("FARGATE_CAPACITY", "on-demand")]).unwrap();
    assert_eq!(fine.needs.capacity, Some(Capacity::OnDemand));
}

#[test]
fn a_masked_value_is_not_shown() {
    let settings = settings(ECS);
    let request = request(&json!({"id": 7, "variables": [
        {"key": "FARGATE_CPU", "value": "hunter2", "masked": true}]}));
    let policy = Policy::of(&settings, request.source()).unwrap();
    let error = authors(choose(&settings, &policy, &request));
    assert!(error.message().contains("[MASKED]") && !format!("{error:?}").contains("hunter2"));
}
