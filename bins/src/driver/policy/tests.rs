use fargate_core::TaskImage;

use super::*;
use crate::driver::testing::settings;

const RULES: &str = r#"
[Policy]
MaxCPU = "1 vCPU"
AllowedServices = ["redis:*"]
[[Policy.Rules]]
Name = "releases"
Projects = ["infra/**"]
Refs = ["v*", "release/*"]
Protected = true
MaxCPU = "4 vCPU"
[[Policy.Rules]]
Name = "infra"
Projects = ["infra/**"]
AllowedServices = ["**"]
[[Policy.Rules]]
Name = "protected"
Protected = true
MaxCPU = 2048
"#;

fn source(project: &str, git_ref: &str, protected: bool) -> JobSource {
    JobSource {
        project: Some(project.to_owned()),
        git_ref: Some(git_ref.to_owned()),
        protected: Some(protected),
    }
}

#[test]
fn the_first_rule_whose_conditions_all_hold_decides() {
    let settings = settings(RULES);
    for (project, git_ref, protected, rule) in [
        ("infra/tools/app", "v1", true, Some("releases")),
        ("infra/app", "release/2", true, Some("releases")),
        ("infra/app", "release/2/x", true, Some("infra")),
        ("infra/app", "v1", false, Some("infra")),
        ("infra", "main", false, None),
        ("infrastructure/app", "main", false, None),
        ("a/infra/app", "main", true, Some("protected")),
        ("group/app", "main", true, Some("protected")),
        ("group/app", "main", false, None),
    ] {
        let policy = Policy::of(&settings, &source(project, git_ref, protected)).unwrap();
        assert_eq!(policy.rule(), rule, "{project} {git_ref} {protected}");
    }
}

#[test]
fn what_a_rule_leaves_out_is_as_for_every_job() {
    let settings = settings(RULES);
    let policy = Policy::of(&settings, &source("infra/app", "main", false)).unwrap();
    let services = policy.patterns(keys::ALLOWED_SERVICES).unwrap().unwrap();
    assert_eq!(services.by, "AllowedServices of rule \"infra\"");
    assert!(services.value.allow("a/b:1"));
    let cpu = policy.maximum(keys::MAX_CPU, size::cpu).unwrap().unwrap();
    assert_eq!((cpu.value, cpu.by.as_str()), (1024, "Policy.MaxCPU"));
    assert!(policy.patterns(keys::ALLOWED_TASK_ROLES).unwrap().is_none());
}

#[test]
fn a_job_of_which_nothing_is_known_meets_no_condition() {
    let settings = settings(RULES);
    assert_eq!(Policy::of(&settings, &JobSource::default()).unwrap().rule(), None);
    let all = crate::driver::testing::settings("[[Policy.Rules]]\nName = \"all\"\nMaxCPU = 512\n");
    let policy = Policy::of(&all, &JobSource::default()).unwrap();
    assert_eq!(policy.rule(), Some("all"));
    let not_protected =
        crate::driver::testing::settings("[[Policy.Rules]]\nName = \"no\"\nProtected = false\n");
    assert_eq!(Policy::of(&not_protected, &JobSource::default()).unwrap().rule(), None);
}

#[test]
fn every_pattern_and_size_of_every_rule_is_checked() {
    assert!(check(&settings(RULES)).is_ok());
    for (bad, word) in [
        ("Projects = [\"[\"]", "Projects of rule \"a\""),
        ("Refs = [\"v**\"]", "Refs of rule \"a\""),
        ("AllowedServices = [\"{\"]", "AllowedServices of rule \"a\""),
        ("AllowedTaskRoles = [\"[\"]", "AllowedTaskRoles of rule \"a\""),
        ("MaxCPU = \"lots\"", "MaxCPU of rule \"a\""),
        ("MaxMemory = \"2 vCPU\"", "MaxMemory of rule \"a\""),
    ] {
        let text = format!("[[Policy.Rules]]\nName = \"a\"\n{bad}\n");
        let error = check(&settings(&text)).expect_err(bad);
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().contains(word), "{error}");
    }
    let images = "Backend = \"eks\"\n[[Policy.Rules]]\nName = \"a\"\nAllowedImages = [\"[\"]\n";
    assert!(check(&settings(images)).is_err());
    let overall = check(&settings("[Policy]\nMaxMemory = \"2 apples\"\n")).unwrap_err();
    assert!(overall.message().contains("Policy.MaxMemory"), "{overall}");
    let secret = "[Policy]\nRegistryCredentials = [{ Images = \"[\", Secret = \"s\" }]\n";
    assert!(check(&settings(secret)).is_err());
}

#[test]
fn the_first_credential_that_matches_pulls_an_image() {
    let settings = settings(
        "[Policy]\nRegistryCredentials = [{ Images = \"r.example.com/ci/**\", Secret = \"ci\" },\n\
         { Images = \"r.example.com/**\", Secret = \"all\" }]\n",
    );
    for (image, secret) in
        [("r.example.com/ci/a:1", Some("ci")), ("r.example.com/a", Some("all")), ("alpine", None)]
    {
        let found = pull_secret(&settings, &TaskImage::new(image)).unwrap();
        assert_eq!(found.as_deref(), secret, "{image}");
    }
}
