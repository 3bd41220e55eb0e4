use super::*;
use proffer_mesos::from_json;

#[test]
fn what_a_container_asks_for_is_named() {
    for (fields, named) in [
        (r#""hostname":"h""#, "hostname 'h'"),
        (r#""rlimit_info":{"rlimits":[{"type":"RLMT_NOFILE","soft":1,"hard":1}]}"#, "RLMT_NOFILE"),
        (
            r#""linux_info":{"effective_capabilities":{"capabilities":["NET_RAW"]}}"#,
            "'linux_info.effective_capabilities'",
        ),
        (r#""linux_info":{"capability_info":{}}"#, "'linux_info.capability_info'"),
        (r#""linux_info":{"share_pid_namespace":false}"#, "'linux_info.share_pid_namespace'"),
        (r#""tty_info":{}"#, "'tty_info'"),
        (r#""network_infos":[{"name":"n"}]"#, "network 'n'"),
        (
            r#""network_infos":[{"port_mappings":[{"host_port":1,"container_port":1}]}]"#,
            "'port_mappings'",
        ),
        (r#""volumes":[{"mode":"RW","container_path":"v"}]"#, "'v'"),
        (r#""mesos":{"image":{"type":"DOCKER","docker":{"name":"i"}}}"#, "image"),
    ] {
        let container: ContainerInfo =
            from_json(format!(r#"{{"type":"MESOS",{fields}}}"#).as_bytes()).unwrap();
        let problem = in_container(&container).unwrap_or_else(|| panic!("{fields}"));
        assert!(problem.contains(named), "{problem}");
    }
    let plain =
        br#"{"type":"MESOS","linux_info":{"share_pid_namespace":true},"network_infos":[{}]}"#;
    assert_eq!(in_container(&from_json(plain).unwrap()), None);
}

#[test]
fn only_this_program_s_own_user_will_do() {
    let users = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n";
    for (wanted, id, is_other) in [
        ("root", 0, false),
        ("ann", 1000, false),
        ("1000", 1000, false),
        ("2000", 2000, false),
        ("ann", 0, true),
        ("nobody", 1000, true),
        ("root", 2000, true),
    ] {
        assert_eq!(as_other_user(wanted, id, users).is_some(), is_other, "{wanted} {id}");
    }
    let problem = as_other_user("nobody", 1000, users).unwrap();
    assert_eq!(problem, "Tasks run as user 'ann' here: leave out user 'nobody'");
}
