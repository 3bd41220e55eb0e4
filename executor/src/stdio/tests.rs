use super::*;

const JOB: &str = r#"{"kind":"SparkJob","metadata":{"name":"j"},"spec":{"stages":[]}}"#;
const EXECUTOR: &str =
    r#"{"kind":"SparkExecutor","metadata":{"name":"e","generation":3},"spec":{"job":"j"}}"#;

#[test]
fn jobs_and_executors_are_told_apart_by_their_kind() {
    let Some(Message::Job(job)) = parse(JOB.as_bytes()).unwrap() else { panic!("no job") };
    assert_eq!(job.metadata.name.as_deref(), Some("j"));
    let Some(Message::Executor(executor)) = parse(EXECUTOR.as_bytes()).unwrap() else {
        panic!("no executor")
    };
    assert_eq!(executor.metadata.generation, Some(3));
}

#[test]
fn other_kinds_and_empty_lines_are_left_out() {
    assert!(parse(b" \n").unwrap().is_none());
    assert!(parse(br#"{"kind":"Secret"}"#).unwrap().is_none());
    assert!(parse(b"{}").unwrap().is_none());
}

#[test]
fn a_line_that_makes_no_sense_is_shown() {
    let error = |line: &str| format!("{:#}", parse(line.as_bytes()).unwrap_err());
    assert!(error("hello\n").contains("no SparkJob or SparkExecutor: hello: expected"));
    assert!(error(r#"{"kind":"SparkJob"}"#).contains("missing field"));
}

#[tokio::test]
async fn messages_are_read_up_to_one_that_makes_no_sense() {
    let input = format!("{JOB}\n\n{EXECUTOR}\nnonsense\n{JOB}\n");
    let (sender, mut receiver) = mpsc::channel(16);
    std::thread::spawn(move || read(input.as_bytes(), &sender)).join().unwrap();
    assert!(matches!(receiver.recv().await, Some(Ok(Message::Job(_)))));
    assert!(matches!(receiver.recv().await, Some(Ok(Message::Executor(_)))));
    assert!(matches!(receiver.recv().await, Some(Err(_))));
    assert!(receiver.recv().await.is_none());
}
