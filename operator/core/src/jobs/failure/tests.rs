use super::{JobFailure, Subject};
use crate::jobs::StageSpec;

fn failed(stage: &StageSpec, times: u32) -> String {
    let last = "it exited with code 1".to_owned();
    JobFailure::TaskFailed { task: Subject::new(stage, 0), times, last }.to_string()
}

#[test]
fn a_task_is_called_by_its_name_and_stage() {
    let stage = StageSpec { name: "map".into(), ..StageSpec::default() };
    assert_eq!(
        failed(&stage, 1),
        "task 0 of stage map failed once, the last time: it exited with code 1"
    );
    assert_eq!(
        failed(&stage, 3),
        "task 0 of stage map failed 3 times, the last time: it exited with code 1"
    );
}

#[test]
fn a_task_with_a_title_is_called_by_that() {
    let title = Some("the driver".into());
    let stage = StageSpec { name: "driver".into(), task_title: title, ..StageSpec::default() };
    assert_eq!(failed(&stage, 1), "it exited with code 1");
    assert_eq!(
        failed(&stage, 3),
        "the driver failed 3 times, the last time: it exited with code 1"
    );
    let (task, last) = (Subject::new(&stage, 0), "no class".to_owned());
    let failure = JobFailure::TaskCannotSucceed { task, last };
    assert_eq!(failure.to_string(), "the driver cannot succeed: no class");
}
