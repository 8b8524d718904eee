//! The three forms of a list, and text that is not a list.

use super::*;

#[test]
fn a_list_is_a_table_json_lines_or_a_machine_a_line() {
    let expected = [
        (2, ID.to_owned(), "Retired".to_owned()),
        (4, "pc-1.test".to_owned(), "Lost".to_owned()),
    ];
    for table in [
        format!("machineId,name,comment\n{ID},pc-0,\n\n,pc-1.test,Lost\n"),
        format!("Device ID;Device name;Comment\r\n{ID};;\r\n;;\r\n;pc-1.test;Lost\r\n"),
        format!(
            "\u{feff}\"name\"\t\"comment\"\t\"id\"\n\t\t{ID}\n# a remark\npc-1.test\t\"Lost\"\t\n"
        ),
    ] {
        assert_eq!(shown(&table, "Retired"), expected, "{table}");
    }
    let json = format!(
        "{{\"machineId\":\"{ID}\",\"name\":\"pc-0\",\"extra\":[1]}}\n\n{{\"name\":\"pc-1.test\",\"comment\":\"Lost\"}}"
    );
    assert_eq!(
        shown(&json, "Retired"),
        [
            (1, ID.to_owned(), "Retired".to_owned()),
            (3, "pc-1.test".to_owned(), "Lost".to_owned()),
        ]
    );
    let lines = format!(
        "# tonight\n\n{ID}\n  pc-1.test\nhttps://security.microsoft.com/machines/{OTHER}\n"
    );
    let machines = [(3, ID), (4, "pc-1.test"), (5, OTHER)];
    let machines = machines.map(|(line, machine)| (line, machine.to_owned(), "x".to_owned()));
    assert_eq!(shown(&lines, "x"), machines);
    // A single heading is a header; a single name is a machine.
    assert_eq!(shown("name\npc-1.test\n", "x").len(), 1);
    assert_eq!(shown("pc-0.test\npc-1.test\n", "x").len(), 2);
}

#[test]
fn every_row_is_counted() {
    let text = "#1\nname,comment\n#pc-0,x\npc-1,x\n\n,\nPC-1,x\n\"pc-2\",\"#x\"\n";
    let list = list(text).unwrap();
    let counts = (list.rows, list.entries.len(), list.repeated, list.remarks);
    assert_eq!(counts, (3, 2, 1, 2));
    for end in ["\n", "\r\n", "\r"] {
        let names = machines(self::list(&["pc-1", "#pc-2", "", "pc-3"].join(end)));
        assert_eq!(names, ["pc-1", "pc-3"]);
        let names = machines(self::list(&["name,x", "pc-1,y", "pc-3,z"].join(end)));
        assert_eq!(names, ["pc-1", "pc-3"]);
    }
}

#[test]
fn a_table_without_a_head_does_not_lose_its_first_row() {
    for text in [
        format!("{ID},name\n{OTHER},pc-2\n"),
        format!("pc-1,{ID}\npc-2,{OTHER}\n"),
    ] {
        assert!(matches!(list(&text), Err(ListError::NoHeader(1))), "{text}");
        assert!(matches!(
            by(&text, Some("name"), None),
            Err(ListError::NoHeader(1))
        ));
    }
}

#[test]
fn a_separator_line_and_columns_that_are_not_used_are_read() {
    for line in ["sep=;", "\"sep=;\"", "SEP=;"] {
        let text = format!("{line}\r\nDevice ID;Device Name\r\n{ID};pc-1\r\n");
        let found = list(&text).unwrap();
        assert_eq!((found.entries[0].line, found.rows), (3, 1), "{line}");
    }
    assert_eq!(machines(list(&format!("sep=|\nid|x\n{ID}|y\n"))), [ID]);
    let twice = format!("Device ID,Tags,tags\n{ID},a,b\n");
    assert_eq!(machines(list(&twice)), [ID]);
    let used = MachineList::parse(&twice, &options("{TAGS}"));
    assert!(matches!(used, Err(ListError::Lines(_))), "{used:?}");
    assert_eq!(shown(&twice, "{tags}")[0].2, "b");
    for head in ["id,Id,x", "id,comment,Comment", "id,name,Name"] {
        let text = format!("{head}\n{ID},a,b\n");
        assert!(
            matches!(list(&text), Err(ListError::Header(RowError::Twice(_)))),
            "{head}"
        );
    }
}

#[test]
fn a_title_and_quoted_rows_are_one_error() {
    for (text, line) in [
        ("Retired machines\nname,comment\npc-1,x\n", 2),
        ("Retired machines;;\n\nname;comment;x\npc-1;x;y\n", 3),
        ("Retired\n2024\nDevice name,x\npc-1,x\n", 3),
    ] {
        let found = list(text).unwrap_err();
        assert!(
            matches!(found, ListError::Title(at) if at == line),
            "{found:?}"
        );
    }
    let found = by("Report\nHost,x\npc-1,y\n", None, Some("host")).unwrap_err();
    assert!(matches!(found, ListError::Title(2)), "{found:?}");
    for (text, line) in [
        (format!("\"machineId,name\"\n\"{ID},pc-1\"\n"), 1),
        (
            "name,comment\npc-1,x\n\"pc-2,\"\"x\"\"\"\n\"pc-3,x\"\n".to_owned(),
            3,
        ),
    ] {
        let found = list(&text).unwrap_err();
        assert!(
            matches!(found, ListError::Quoted(at) if at == line),
            "{found:?}"
        );
    }
}

#[test]
fn an_array_or_a_saved_answer_is_a_list() {
    let strings = format!("[\n \"{ID}\",\n \"pc-1.test\"\n]\n");
    let found = [(2, ID), (3, "pc-1.test")];
    let found = found.map(|(line, machine)| (line, machine.to_owned(), "x".to_owned()));
    assert_eq!(shown(&strings, "x"), found);
    let array = format!("[{{\"id\":\"{ID}\"}},{{\"id\":\"{OTHER}\",\"comment\":\"y\"}}]");
    for text in [
        array.clone(),
        format!("{{\"@odata.context\":\"x\",\"value\":{array}}}"),
        format!("{{\"Schema\":[{{\"Name\":\"DeviceId\"}}],\"Results\":{array}}}"),
        // Two pages, of which the last one has no next page.
        format!("{{\"value\":[],\"@odata.nextLink\":\"https://x\"}}\n{{\"value\":{array}}}"),
        format!("{{\"id\":\"{ID}\"\n}}\n{{\"id\":\n\"{OTHER}\",\"comment\":\"y\"}}"),
        format!("[{{\"id\":\"{ID}\"}}]\n[{{\"id\":\"{OTHER}\",\"comment\":\"y\"}}]"),
    ] {
        let found = shown(&text, "x");
        let machines: Vec<(&str, &str)> = found
            .iter()
            .map(|(_, machine, comment)| (machine.as_str(), comment.as_str()))
            .collect();
        assert_eq!(machines, [(ID, "x"), (OTHER, "y")], "{text}");
    }
    let lines = format!("# saved\n\n{{\n \"value\": [\n  {{\"id\": \"{ID}\"}},\n  7]}}\n");
    let Err(ListError::Lines(errors)) = list(&lines) else {
        panic!("a number is not a machine");
    };
    assert_eq!((errors.len(), errors[0].line), (1, 6), "{errors:?}");
    assert_eq!(errors[0].error, RowError::NotObject);
}

/// As the service answers: a machine that was merged into another one, and addresses.
#[test]
fn the_members_of_a_saved_answer_do_not_name_other_machines() {
    let merged = format!(
        "{{\"value\":[{{\"id\":\"{ID}\",\"mergedIntoMachineId\":\"{OTHER}\",\"aadDeviceId\":null,\
         \"ipAddresses\":[{{\"ipAddress\":\"10.0.0.1\"}}]}}]}}"
    );
    assert_eq!(machines(list(&merged)), [ID]);
    let bare = format!("{{\"name\":\"pc-1\",\"mergedIntoMachineId\":\"{OTHER}\"}}");
    assert_eq!(unused(list(&bare)).0, "mergedIntoMachineId");
}

#[test]
fn an_incomplete_answer_is_an_error() {
    let page = format!("{{\"value\":[{{\"id\":\"{ID}\"}}],\"@odata.nextLink\":\"https://x\"}}");
    for text in [page.clone(), format!("{{\"value\":[]}}\n{page}")] {
        assert!(matches!(list(&text), Err(ListError::NextPage)), "{text}");
    }
    let ends = page.replace("\"https://x\"", "null");
    assert_eq!(machines(list(&ends)), [ID]);
    let broken = format!("[\n\"{ID}\",\n");
    assert!(matches!(list(&broken), Err(ListError::Json(_))));
    let broken = format!("[\"{ID}\"]\n\n[x]");
    assert!(matches!(list(&broken), Err(ListError::Json(3))));
}

/// The first element of an inner array is not the whole list.
#[test]
fn machines_in_an_inner_array_are_an_error() {
    let array = format!("[{{\"id\":\"{ID}\"}},{{\"id\":\"{OTHER}\"}}]");
    for text in [
        format!("{{\"name\":\"pc-1\",\"ids\":[0,\"{ID}\"]}}"),
        format!("{{\"name\":\"pc-1\",\"value\":{array}}}"),
        // Rows whose cells are in arrays.
        format!("[\"{ID}\",\"pc-1\"]\n[\"{OTHER}\",\"pc-2\"]"),
    ] {
        assert!(matches!(list(&text), Err(ListError::Array)), "{text}");
        let first = by(&text, Some("value.0.id"), None);
        assert!(first.is_err(), "{text}");
    }
    let answer = by(&format!("{{\"value\":{array}}}"), Some("value.0.id"), None);
    assert!(answer.is_err());
    let beside = format!("{{\"id\":\"{ID}\",\"others\":[\"{OTHER}\"]}}");
    assert_eq!(unused(list(&beside)).2.as_deref(), Some("id"));
    assert_eq!(machines(by(&beside, Some("id"), None)), [ID]);
}

/// The table of a dry run: its texts mention other machines.
#[test]
fn a_table_of_this_software_is_a_list() {
    let text = format!(
        "asked,machineId,name,comment,state,errorKind,errorMessage,warnings\n\
         pc-1,{ID},pc-1,x,planned,,,it was merged into {OTHER}\n\
         pc-2,,pc-2,x,rejected,ambiguous-name,\"2 machines: {ID}, {OTHER}\",\n"
    );
    assert_eq!(machines(list(&text)), [ID, "pc-2"]);
    let other = text.replace("asked", "x");
    assert!(matches!(list(&other), Err(ListError::UnusedIds { .. })));
}

#[test]
fn a_member_that_stands_twice_is_a_fault() {
    for twice in [
        format!("{{\"machineId\":\"{ID}\",\"machineId\":\"{OTHER}\"}}"),
        format!("{{\"machineId\":\"{ID}\",\"MachineID\":\"{OTHER}\"}}"),
        format!("{{\"machineId\":\"{ID}\",\"x\":1,\"x\":1}}"),
        format!("{{\"machineId\":\"{ID}\",\"comment\":\"a\",\"Comment\":\"b\"}}"),
    ] {
        let found = faults(&twice);
        assert!(found[0].1.contains("twice"), "{found:?}");
    }
}

#[test]
fn a_file_that_is_not_a_list_is_reported_as_such() {
    assert!(matches!(list(""), Err(ListError::Empty)));
    assert!(matches!(list("# nothing\n\n"), Err(ListError::Empty)));
    assert!(matches!(list("name,comment\n"), Err(ListError::Empty)));
    assert!(matches!(list("[]"), Err(ListError::Empty)));
    let twice = "name,Name,comment\npc-1,pc-2,x\n";
    assert!(matches!(list(twice), Err(ListError::Header(_))));
    for head in ["serial,owner\n1,2\n", "asset;owner\n1;2\n"] {
        assert!(matches!(list(head), Err(ListError::Columns(_))), "{head}");
    }
}

#[test]
fn a_long_list_is_read() {
    let lines: String = (0..100_000)
        .map(|number| format!("{number:040x}\n"))
        .collect();
    assert_eq!(list(&lines).unwrap().entries.len(), 100_000);
}
