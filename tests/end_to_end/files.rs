//! Jobs that read and write files.

use std::collections::BTreeSet;

use proffer_test_harness::{Test, tests};

use crate::run::Folder;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        input_is_split_and_output_is_committed,
        a_stage_reads_what_another_has_written,
        packed_input_is_unpacked_whole,
        empty_input_gives_empty_output,
        output_of_another_job_is_refused,
        a_folder_of_somebody_else_is_refused,
        input_that_is_not_there_is_named,
        output_that_cannot_be_written_is_named,
    ]
}

/// A job that copies `in/*` to the folder `out` of its work folder, in this many partitions.
fn copy_job(folder: &Folder, partitions: u32) {
    folder.job(&format!(
        r"
workURI: file://{}
executor: {{instances: 2, memory: 64Mi}}
stages:
  - {{name: out, partitions: {partitions}, command: [cat], input: {{uri: 'in/*'}}, output: {{}}}}
",
        folder.path().display()
    ));
}

/// The published parts one after the other.
pub(crate) fn parts(folder: &Folder, output: &str) -> String {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder.path().join(output)).unwrap() {
        names.insert(entry.unwrap().file_name().into_string().unwrap());
    }
    let parts = names.iter().filter(|name| name.starts_with("part-"));
    parts.map(|name| folder.read(&format!("{output}/{name}"))).collect()
}

pub(crate) fn numbered_lines(count: u32) -> String {
    (0..count).map(|number| format!("line {number}\n")).collect()
}

fn input_is_split_and_output_is_committed() {
    let folder = Folder::new();
    folder.write("in/a.txt", numbered_lines(1000));
    folder.write("in/b.txt", "no line end");
    folder.write("in/c.txt", "last\r\n");
    copy_job(&folder, 7);
    folder.run_job().expect_code(0);
    let expected = format!("{}no line end\nlast\r\n", numbered_lines(1000));
    let published = parts(&folder, "out");
    assert_eq!(published.replace("no line endlast", "no line end\nlast"), expected);
    assert!(folder.path().join("out/_SUCCESS").exists());
    assert!(folder.path().join("out/part-00006").exists());
    assert!(!folder.path().join("out/part-00007").exists());
}

fn a_stage_reads_what_another_has_written() {
    let folder = Folder::new();
    folder.write("in/a.txt", numbered_lines(500));
    folder.job(&format!(
        r#"
workURI: file://{}
stages:
  - {{name: even, partitions: 3, command: [grep, '[02468]$'], input: {{uri: in/a.txt}}, output: {{uri: results/even}}}}
  - {{name: count, command: [sh, -c, 'wc -l > "$PROFFER_RESULT"'], input: {{stage: even}}}}
"#,
        folder.path().display()
    ));
    let ended = folder.run_job().expect_code(0);
    let count = ended.status()["stages"][1]["results"]["0"].as_str().unwrap().trim().to_owned();
    assert_eq!(count, "250");
    assert_eq!(parts(&folder, "results/even").lines().count(), 250);
}

fn packed_input_is_unpacked_whole() {
    let folder = Folder::new();
    let plain = folder.write("a.txt", numbered_lines(300));
    std::fs::create_dir(folder.path().join("in")).unwrap();
    let packed = std::process::Command::new("gzip").arg("-c").arg(plain).output().unwrap();
    folder.write("in/a.txt.gz", packed.stdout);
    copy_job(&folder, 4);
    folder.run_job().expect_code(0);
    assert_eq!(parts(&folder, "out"), numbered_lines(300));
}

fn empty_input_gives_empty_output() {
    let folder = Folder::new();
    folder.write("in/empty.txt", "");
    copy_job(&folder, 2);
    folder.run_job().expect_code(0);
    assert_eq!(parts(&folder, "out"), "");
    assert!(folder.path().join("out/_SUCCESS").exists());
}

fn output_of_another_job_is_refused() {
    let folder = Folder::new();
    folder.write("in/a.txt", "one\n");
    copy_job(&folder, 1);
    folder.run_job().expect_code(0);
    folder.write("in/a.txt", "two\n");
    let second = folder.run_job().expect_code(1);
    let message = second.status()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("belongs to job default/j"), "{message}");
    assert_eq!(second.status()["stages"][0]["failures"]["0"], 1, "it is not tried again");
    assert_eq!(parts(&folder, "out"), "one\n", "nothing was touched");
}

fn a_folder_of_somebody_else_is_refused() {
    let folder = Folder::new();
    folder.write("in/a.txt", "one\n");
    folder.write("out/precious.txt", "mine");
    copy_job(&folder, 1);
    let ended = folder.run_job().expect_code(1);
    let message = ended.status()["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("precious.txt")
            || message.contains("not empty")
            || message.contains("already"),
        "{message}"
    );
    assert_eq!(folder.read("out/precious.txt"), "mine");
}

fn input_that_is_not_there_is_named() {
    let folder = Folder::new();
    copy_job(&folder, 2);
    let ended = folder.run_job().expect_code(1);
    let message = ended.status()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("in/*"), "{message}");
}

fn output_that_cannot_be_written_is_named() {
    let folder = Folder::new();
    folder.write("in/a.txt", "one\n");
    // Where a folder has to be is a file.
    folder.write("out", "in the way");
    copy_job(&folder, 1);
    let ended = folder.run_job().expect_code(1);
    let message = ended.status()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("out"), "{message}");
}
