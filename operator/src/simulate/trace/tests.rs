use super::{TraceJob, parse};
use proffer_core::time::{Span, Time};

const HEADER: &str = "submit_seconds,pool,name,executors,cpu,memory,tasks,task_seconds\n";

fn read(text: &str) -> Result<Vec<TraceJob>, String> {
    parse("jobs.csv", text, &["default", "etl"]).map_err(|errors| errors.to_string())
}

fn job() -> TraceJob {
    TraceJob {
        submitted_at: Time::from_milliseconds(12_500),
        pool: "etl".into(),
        name: "load".into(),
        executors: 4,
        cpu: 1500,
        memory: 4 << 30,
        tasks: 80,
        task_duration: Span::from_seconds(30),
        priority: 0,
    }
}

#[test]
fn a_line_is_a_job() {
    assert_eq!(read(&format!("{HEADER}12.5,etl,load,4,1.5,4Gi,80,30\n")), Ok(vec![job()]));
}

#[test]
fn columns_may_stand_in_any_order_between_comments_blanks_and_quotes() {
    let text = "# who wants what\r\n\r\npriority,task_seconds,tasks,memory,cpu,executors,name,pool,\
                submit_seconds\r\n,30,80,4Gi,1500m,4,\"load\", etl ,12.5\r\n# the end\r\n\
                7,30,80,4Gi,1500m,4,\"a, b\",etl,12.5";
    let other = TraceJob { name: "a, b".into(), priority: 7, ..job() };
    assert_eq!(read(text), Ok(vec![job(), other]));
}

#[test]
fn an_executor_has_a_slot_for_each_whole_cpu() {
    for (cpu, slots) in [(500, 1), (1000, 1), (1999, 1), (2000, 2), (16_000, 16)] {
        assert_eq!(TraceJob { cpu, ..job() }.spec().executor.slots, slots, "{cpu}");
    }
}

#[test]
fn what_makes_no_sense_is_named_with_its_line_and_column() {
    let columns = "submit_seconds, pool, name, executors, cpu, memory, tasks, task_seconds, and \
                   priority if you like";
    let heads = [
        ("", "jobs.csv: there are no jobs in this trace".to_owned()),
        ("# nothing\n", "jobs.csv: there are no jobs in this trace".to_owned()),
        (HEADER, "jobs.csv: there are no jobs in this trace".to_owned()),
        (
            "\nname,when\n",
            format!("jobs.csv:2: there is no column \"when\"; the columns are {columns}"),
        ),
        (
            "submit_seconds,pool,name,executors,cpu,memory,tasks\n",
            format!("jobs.csv:1: the column task_seconds is missing; the columns are {columns}"),
        ),
        ("name,pool,name\n", "jobs.csv:1: the column name is there twice".to_owned()),
    ];
    for (text, expected) in heads {
        assert_eq!(read(text), Err(expected), "{text}");
    }
    let seconds = "is not a number of seconds between 0 and 1000000000 with at most three \
                   decimals, such as 90 or 1.5";
    let lines = [
        ("0,etl,a,1,1,1Gi,1", "there are 7 values, but the first line names 8 columns".to_owned()),
        ("-1,etl,a,1,1,1Gi,1,1", format!("submit_seconds: \"-1\" {seconds}")),
        ("1.0001,etl,a,1,1,1Gi,1,1", format!("submit_seconds: \"1.0001\" {seconds}")),
        ("1e3,etl,a,1,1,1Gi,1,1", format!("submit_seconds: \"1e3\" {seconds}")),
        (
            "0,lab,a,1,1,1Gi,1,1",
            "pool: there is no pool \"lab\"; the pools are: default, etl".into(),
        ),
        ("0,etl,,1,1,1Gi,1,1", "name: a name has between 1 and 63 characters".into()),
        (
            "0,etl,a,0,1,1Gi,1,1",
            "executors: \"0\" is not a whole number between 1 and 10000".into(),
        ),
        (
            "0,etl,a,1,1,1Gi,1.5,1",
            "tasks: \"1.5\" is not a whole number between 1 and 1000000".into(),
        ),
        (
            "0,etl,a,1,two,1Gi,1,1",
            "cpu: \"two\" is not an amount above 0 of cpus such as 2, 0.5 or 500m".into(),
        ),
        (
            "0,etl,a,1,1,0,1,1",
            "memory: \"0\" is not an amount above 0 of memory such as 512Mi or 4Gi".into(),
        ),
        ("0,etl,a,1,1e39,1Gi,1,1", "cpu: \"1e39\" is too large; the most is 1M".into()),
        ("0,etl,a,1,1,9Ei,1,1", "memory: \"9Ei\" is too large; the most is 1Pi".into()),
        ("0,etl,a,1,1,1Gi,1,0", "task_seconds: a task runs for longer than 0 seconds".into()),
        ("0,etl,a,1,1,1Gi,1,", format!("task_seconds: \"\" {seconds}")),
        ("0,etl,first,1,1,1Gi,1,1", "name: there is a job \"first\" on line 2 already".into()),
    ];
    for (line, expected) in lines {
        let text = format!("{HEADER}0,etl,first,1,1,1Gi,1,1\n# comment\n\n{line}\n");
        assert_eq!(read(&text), Err(format!("jobs.csv:5: {expected}")), "{line}");
    }
    let text = format!("priority,{HEADER}high,0,etl,a,1,1,1Gi,1,1\n");
    let expected =
        "jobs.csv:2: priority: \"high\" is not a whole number between -2147483648 and 2147483647";
    assert_eq!(read(&text), Err(expected.to_owned()));
}

#[test]
fn everything_that_is_wrong_is_told_in_one_go_up_to_a_bound() {
    let two = read(&format!("{HEADER}x,etl,a,1,1,1Gi,1,1\n0,etl,b,x,1,1Gi,1,1\n")).unwrap_err();
    let places: Vec<&str> = two.lines().map(|line| &line[..line.find('"').unwrap()]).collect();
    assert_eq!(places, ["jobs.csv:2: submit_seconds: ", "jobs.csv:3: executors: "]);
    let many = read(&format!("{HEADER}{}", "x\n".repeat(25))).unwrap_err();
    assert_eq!(many.lines().count(), 21);
    assert!(many.ends_with("\nand 5 more errors"), "{many}");
}
