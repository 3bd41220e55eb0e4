use super::*;

type Nodes = Vec<(String, Vec<(Box<str>, i64)>)>;

fn read(text: &str) -> Result<Nodes, String> {
    let spec: NodeSpec = text.parse().map_err(|error: InvalidNodeSpec| error.problem)?;
    let nodes = nodes(&[spec])?;
    Ok(nodes.into_iter().map(|node| (node.name.to_string(), node.allocatable)).collect())
}

#[test]
fn reads_counts_cpu_memory_and_more() {
    let node = |cpu: i64, memory: i64| vec![("cpu".into(), cpu), ("memory".into(), memory)];
    let expected = (0..4).map(|index| (format!("node-{index}"), node(2000, 4 << 30))).collect();
    assert_eq!(read("4x2cpu,4Gi"), Ok(expected));
    assert_eq!(read("0.5cpu,512Mi"), Ok(vec![("node-0".to_owned(), node(500, 512 << 20))]));
    let mut with_gpu = node(8000, 1 << 30);
    with_gpu.push(("nvidia.com/gpu".into(), 2));
    assert_eq!(read("1x8cpu,1Gi,nvidia.com/gpu=2"), Ok(vec![("node-0".to_owned(), with_gpu)]));
}

#[test]
fn says_what_is_wrong() {
    for (text, problem) in [
        ("", "\"\" does not end in \"cpu\""),
        ("4x", "\"\" does not end in \"cpu\""),
        ("2cpu", "the memory is missing"),
        ("2cpu,abc", "\"abc\" is not a quantity such as 2, 500m, 0.5, 512Mi or 4Gi"),
        ("0x2cpu,4Gi", "there are between 1 and 10000 nodes"),
        ("99999999999x2cpu,4Gi", "\"99999999999\" is not a count"),
        ("0cpu,4Gi", "0 is not above 0"),
        ("-1cpu,4Gi", "-1 is not above 0"),
        ("2cpu,512m", "512m bytes of memory are less than 1Mi"),
        ("2cpu,4Gi,gpu", "\"gpu\" is not RESOURCE=AMOUNT"),
        ("1e400cpu,4Gi", "a node has at most 1000000 cpus, not 1e400"),
        (
            "218446744073709551616cpu,4Gi",
            "a node has at most 1000000 cpus, not 218446744073709551616",
        ),
        ("2cpu,9Ei", "a node has at most 512Ti of memory, not 9Ei"),
        ("2cpu,4Gi,a.b/c=1e30", "a node has at most 512Ti of a.b/c, not 1e30"),
        ("2cpu,4Gi,a.b/c=0.5", "0.5 is no whole number of a.b/c"),
        ("2cpu,4Gi,a.b/c=1,a.b/c=2", "a.b/c is there twice"),
        ("2cpu,4Gi,label:a=b,label:a=c", "the label a is there twice"),
        ("1cpu,1Gi,cpu=4", "\"cpu=4\" is cpu, which comes first, as 4cpu"),
        ("1cpu,1Gi,mem=4Gi", "\"mem=4Gi\" is memory, which comes second, as 4Gi"),
        ("1cpu,1Gi,=4", "\"\" is not the name of a resource, such as nvidia.com/gpu"),
        (
            "2x999999999999999999999999Kicpu,16Gi",
            "a node has at most 1000000 cpus, not 999999999999999999999999Ki",
        ),
        ("2cpu,4Gi,label:zone", "\"label:zone\" is not label:KEY=VALUE"),
        ("2cpu,4Gi,label:=a", "\"\" is not the key of a label, such as zone or example.com/zone"),
        ("2cpu,4Gi,label:zone=a b", "\"a b\" is not the value of a label, such as a or v1.2"),
        ("2cpu,4Gi,taint:a=b", "\"taint:a=b\" is not taint:KEY[=VALUE]:EFFECT"),
        (
            "2cpu,4Gi,taint:a:Never",
            "\"Never\" is not an effect; these are NoSchedule, PreferNoSchedule and NoExecute",
        ),
    ] {
        assert_eq!(read(text), Err(problem.to_owned()), "{text}");
    }
}

#[test]
fn reads_labels_and_taints() {
    let text = "2x1cpu,1Gi,label:zone=a,label:kubernetes.io/arch=arm64,label:empty=,\
                taint:dedicated=gpu:NoSchedule,taint:spot:PreferNoSchedule";
    let nodes = nodes(&[text.parse().unwrap()]).unwrap();
    let labels: Vec<String> =
        nodes[1].labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let expected = [
        "kubernetes.io/hostname=node-1",
        "kubernetes.io/os=linux",
        "empty=",
        "kubernetes.io/arch=arm64",
        "zone=a",
    ];
    assert_eq!(labels, expected);
    let taints: Vec<String> = nodes[0].taints.iter().map(ToString::to_string).collect();
    assert_eq!(taints, ["dedicated=gpu:NoSchedule", "spot:PreferNoSchedule"]);
}

#[test]
fn there_are_no_more_nodes_than_can_be_counted() {
    let specs = ["10000x1cpu,1Gi", "1x1cpu,1Gi"].map(|text| text.parse().unwrap());
    let expected = "--nodes: 10001 nodes are too many; the most is 10000";
    assert_eq!(nodes(&specs).unwrap_err(), expected);
    // Whatever the most is, it can be summed up.
    let most = ["10000x1000000cpu,512Ti,a.b/c=512Ti".parse().unwrap()];
    for kind in 0..3 {
        let amounts = nodes(&most).unwrap().into_iter().map(|node| node.allocatable[kind].1);
        assert!(amounts.map(i128::from).sum::<i128>() < i128::from(i64::MAX));
    }
}

#[test]
fn this_machine_has_something_to_offer() {
    let nodes = nodes(&[]).unwrap();
    assert!(nodes[0].allocatable.iter().all(|&(_, amount)| amount > 0), "{nodes:?}");
}

#[test]
fn reads_the_available_memory() {
    let meminfo = "MemTotal:  24000 kB\nMemAvailable:   12000 kB\n";
    assert_eq!(available_bytes(meminfo), Some(12_288_000));
    assert_eq!(available_bytes("MemTotal: 1 kB"), None);
}
