//! The tags that say what is derived and when it was used.

use std::fs;

use serde_json::json;

use super::*;

/// Lets the machine believe that it wrote its last marks long ago.
fn a_day_passes(cache: &Path) {
    let mut files = fs::read_dir(cache).expect("a directory").flatten().map(|one| one.path());
    let file = files.find(|path| path.extension().is_some_and(|end| end == "json"));
    let file = file.expect("a cache");
    let text = fs::read(&file).expect("it can be read");
    let mut content: Value = serde_json::from_slice(&text).expect("JSON");
    for day in content["marked"].as_object_mut().expect("marks").values_mut() {
        *day = OLD.into();
    }
    fs::write(&file, content.to_string()).expect("it can be written");
}

#[tokio::test]
async fn a_definition_is_registered_with_its_base_and_todays_date() {
    let bench = Bench::start().await;
    let name = bench.used("alpine:3").await;
    assert_eq!(bench.tag_of(&name, "fargate:base").await.as_deref(), Some("test-task"));
    let day = bench.tag_of(&name, "fargate:used").await.unwrap();
    assert!(day.as_str() > OLD && day.len() == OLD.len(), "{day}");
    assert_eq!(bench.calls("TagResource"), 0);
}

#[tokio::test]
async fn a_use_is_written_down_once_a_day_on_each_machine() {
    let bench = Bench::start().await;
    let name = bench.old("alpine:3").await;
    let asked = bench.calls("TagResource");
    bench.launch("alpine:3").await;
    assert_eq!(bench.calls("TagResource"), asked, "it was written by the registration");
    a_day_passes(bench.cache.path());
    for _ in 0..2 {
        bench.launch("alpine:3").await;
        assert_eq!(bench.calls("TagResource"), asked + 1);
    }
    let day = bench.tag_of(&name, "fargate:used").await.unwrap();
    assert!(day.as_str() > OLD, "{day}");

    bench.tag(&name, "fargate:used", OLD).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let other = launcher(&bench.double, with_agent(elsewhere.path())).await;
    for _ in 0..2 {
        other.launch(&spec().image(TaskImage::new("alpine:3"))).await.unwrap();
        assert_eq!(bench.calls("TagResource"), asked + 3);
    }
    assert_eq!(bench.tag_of(&name, "fargate:used").await.as_deref(), Some(day.as_str()));
}

#[tokio::test]
async fn a_launch_does_not_need_the_right_to_tag_definitions() {
    let bench = Bench::start().await;
    let name = bench.used("alpine:3").await;
    for fault in [
        Fault::Deny { op: "TagResource" },
        Fault::Throttle { op: "TagResource", times: 1 },
        Fault::ServerError { op: "TagResource", times: 1 },
    ] {
        bench.double.inject(fault);
        a_day_passes(bench.cache.path());
        let asked = bench.calls("TagResource");
        for _ in 0..2 {
            bench.launch("alpine:3").await;
            assert_eq!(bench.calls("TagResource"), asked + 1, "one attempt a day");
        }
        bench.double.clear_faults();
    }
    assert!(bench.run().iter().all(|run| *run == name));
}

#[tokio::test]
async fn what_was_registered_without_the_right_to_tag_is_counted_and_kept() {
    let bench = Bench::start().await;
    bench.double.inject(Fault::DenyTags);
    let untagged = bench.used("alpine:3").await;
    bench.double.clear_faults();
    assert_eq!(bench.tag_of(&untagged, "fargate:base").await, None);
    assert_eq!(bench.calls("TagResource"), 0, "it was refused already");
    let requests = bench.double.requests("RegisterTaskDefinition");
    assert_eq!((requests.len(), &requests[1]["tags"]), (2, &json!(null)));
    let none = quick(Duration::ZERO);
    let told = bench.collect_as(bench.config(), &none).await.unwrap();
    assert_eq!(told, [(untagged, Fate::Kept(Reason::Unmarked))]);
}
