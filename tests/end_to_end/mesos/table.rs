//! What docs/mesos.md says of calls, operations and requests, compared with what a master answers.

use std::collections::BTreeSet;

use proffer_mesos::scheduler::{CallType, EventType};
use proffer_mesos::types::{OfferOperationType, TaskState};
use proffer_test_harness::{Test, tests};
use serde_json::{Value, json};

use super::Master;
use super::framework::{Framework, info};
use super::http::{Reply, post, request};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        calls_of_schedulers_are_as_the_table_says,
        operations_are_as_the_table_says,
        calls_of_operators_are_as_the_table_says,
        calls_to_agents_are_as_the_table_says,
        endpoints_are_as_the_tables_say,
    ]
}

const TABLES: &str = include_str!("../../../docs/mesos.md");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Done,
    Refused,
    Open,
}

/// What a table says of something.
#[derive(Clone, Debug)]
struct Row {
    name: &'static str,
    mark: Mark,
    /// What the answer says, if that is quoted.
    quoted: Option<&'static str>,
}

/// The table below a heading: a row for each name in its first column.
fn table(heading: &str) -> Vec<Row> {
    let heading = format!("\n### {heading}\n");
    let (_, section) = TABLES.split_once(&*heading).unwrap_or_else(|| panic!("no {heading}"));
    let lines = section.lines().take_while(|line| !line.starts_with('#'));
    let rows: Vec<Row> = lines.flat_map(rows).collect();
    assert!(!rows.is_empty(), "nothing below {heading}");
    rows
}

fn rows(line: &'static str) -> Vec<Row> {
    let mut cells = line.strip_prefix("| ").unwrap_or_default().splitn(3, " | ");
    let [names, mark, rest] = [(); 3].map(|()| cells.next().unwrap_or_default());
    let quoted = rest.split_once('“').and_then(|(_, rest)| rest.split_once('”'));
    let quoted = quoted.map(|(quoted, _)| quoted);
    let row = |name| {
        let mark = match mark {
            "✓" => Mark::Done,
            "refused" => Mark::Refused,
            "open" => Mark::Open,
            other => panic!("{other:?} in {line}"),
        };
        Row { name, mark, quoted }
    };
    names.split('`').skip(1).step_by(2).map(row).collect()
}

impl Row {
    /// The field of a call that has what belongs to its type.
    fn field(&self) -> String {
        self.name.to_lowercase()
    }

    /// Compares an answer to something that may lack all sorts of things with what is said of it.
    #[track_caller]
    fn compare(&self, reply: &Reply) {
        let (status, text) = (reply.status, reply.text());
        let expected: &[u16] = match self.mark {
            Mark::Done => &[200, 202, 307, 400],
            Mark::Refused => &[403, 409, 501],
            Mark::Open => &[404, 501],
        };
        assert!(expected.contains(&status), "{self:?} is answered with {status}: {text}");
        if self.mark == Mark::Refused {
            self.compare_reason(&text);
        }
    }

    #[track_caller]
    fn compare_reason(&self, text: &str) {
        let quoted = self.quoted.unwrap_or_else(|| panic!("{self:?} quotes no answer"));
        assert!(text.contains(quoted), "{self:?} is answered with {text:?}");
    }
}

fn names(rows: &[Row]) -> BTreeSet<&str> {
    rows.iter().map(|row| row.name).collect()
}

fn calls_of_schedulers_are_as_the_table_says() {
    let master = Master::start("2cpu,1Gi", &[]);
    let rows = table("Calls of schedulers");
    let all = (1..).map_while(|number| CallType::try_from(number).ok());
    assert_eq!(names(&rows), all.map(CallType::text).collect());
    for row in rows {
        let framework = Framework::subscribe(&master, &json!({}));
        if row.name == "SUBSCRIBE" {
            continue;
        }
        // What any of the calls must have.
        let body = json!({
            "task_id": { "value": "t" },
            "agent_id": { "value": "a" },
            "executor_id": { "value": "e" },
            "operation_id": { "value": "o" },
            "uuid": "AAAAAAAAAAAAAAAAAAAAAA==",
            "data": "",
            "framework_info": info(&json!({ "id": { "value": framework.id } })),
        });
        let mut call = json!({ "type": row.name });
        call[row.field()] = body;
        let reply = framework.call(call);
        assert_ne!(reply.status, 400, "{row:?}: {}", reply.text());
        row.compare(&reply);
    }
}

fn operations_are_as_the_table_says() {
    let master = Master::start("2cpu,1Gi", &[]);
    let mut framework = Framework::subscribe(&master, &json!({}));
    let rows = table("Operations on offers");
    let all = (1..100).filter_map(|number| OfferOperationType::try_from(number).ok());
    assert_eq!(names(&rows), all.map(OfferOperationType::text).collect());
    for row in rows {
        if row.mark == Mark::Done {
            assert_eq!(row.name, "LAUNCH");
            let offer = framework.offer();
            framework.run(&offer, "exit 0", TaskState::Finished);
            continue;
        }
        let accept = json!({ "offer_ids": [], "operations": [operation(&row)] });
        framework.accepted(json!({ "type": "ACCEPT", "accept": accept }));
        let message = if row.name == "LAUNCH_GROUP" {
            framework.next_update().message
        } else {
            let event = framework.next(EventType::UpdateOperationStatus);
            event.update_operation_status.unwrap().status.message
        };
        row.compare_reason(&message.unwrap());
    }
}

/// An operation with what any of them must have.
fn operation(row: &Row) -> Value {
    let disk = json!({ "name": "disk", "type": "SCALAR", "scalar": { "value": 1 } });
    let task = json!({
        "name": "t", "task_id": { "value": "t" }, "agent_id": { "value": "a" },
    });
    let mut operation = json!({ "type": row.name, "id": { "value": row.name } });
    operation[row.field()] = json!({
        "resources": [disk],
        "volumes": [disk],
        "volume": disk,
        "addition": disk,
        "subtract": { "value": 1 },
        "source": if row.name == "RESERVE" { json!([disk]) } else { disk },
        "target_type": "MOUNT",
        "executor": { "executor_id": { "value": "e" } },
        "task_group": { "tasks": [task] },
    });
    operation
}

fn calls_of_operators_are_as_the_table_says() {
    let master = Master::start("2cpu,1Gi", &[]);
    for row in table("Calls of operators") {
        let mut call = json!({ "type": row.name });
        call[row.field()] = json!({});
        row.compare(&post(&master.address, "/api/v1", &call));
    }
}

fn calls_to_agents_are_as_the_table_says() {
    let master = Master::start("2cpu,1Gi", &[]);
    for row in table("Calls to agents") {
        let call = json!({ "type": row.name });
        row.compare(&post(&master.address, "/slave(1)/api/v1", &call));
    }
}

fn endpoints_are_as_the_tables_say() {
    let master = Master::start("2cpu,1Gi", &[]);
    let of_agents = table("Endpoints of agents");
    for row in table("Endpoints of the master").into_iter().chain(of_agents) {
        let (method, path) = row.name.split_once(' ').unwrap();
        let json = [("Content-Type", "application/json")];
        row.compare(&request(&master.address, method, path, &json, &[]));
    }
}
