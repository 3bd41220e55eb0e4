use kube::ResourceExt;
use kube::core::ObjectList;
use proffer_crds::SparkJob;
use serde_json::json;

use super::*;

#[test]
fn a_list_with_an_unreadable_object_has_all_others() {
    let job = |name: &str, stages: serde_json::Value| {
        json!({
            "apiVersion": "proffer.dev/v1alpha1",
            "kind": "SparkJob",
            "metadata": {"name": name, "namespace": "default", "uid": name},
            "spec": {"stages": stages},
        })
    };
    let list = json!({
        "apiVersion": "proffer.dev/v1alpha1",
        "kind": "SparkJobList",
        "metadata": {"resourceVersion": "7"},
        "items": [job("good", json!([])), job("bad", json!("none")), job("better", json!([]))],
    });
    let list: ObjectList<Lenient<SparkJob>> = serde_json::from_value(list).unwrap();
    let names: Vec<String> = list.items.iter().map(ResourceExt::name_any).collect();
    assert_eq!(names, ["good", "bad", "better"]);
    let [Lenient::Readable(_), Lenient::Unreadable(bad), Lenient::Readable(_)] = &list.items[..]
    else {
        panic!("{list:?}");
    };
    assert!(bad.problem.contains("expected a sequence"), "{}", bad.problem);
    let reference = bad.reference::<SparkJob>();
    assert_eq!(reference.kind.as_deref(), Some("SparkJob"));
    assert_eq!(reference.uid.as_deref(), Some("bad"));
}
