#![allow(clippy::unwrap_used)]
use super::*;

const ID: &str = "0123456789abcdef0123456789abcdef01234567";
const OTHER: &str = "1111111111111111111111111111111111111111";

fn options(comment: &str) -> ListOptions {
    ListOptions {
        comment: Some(comment.parse().unwrap()),
        ..ListOptions::default()
    }
}

fn list(text: &str) -> Result<List, ListError> {
    List::parse(text, &options("Retired"))
}

fn by(text: &str, id: Option<&str>, name: Option<&str>) -> Result<List, ListError> {
    let options = ListOptions {
        id_column: id.map(ToOwned::to_owned),
        name_column: name.map(ToOwned::to_owned),
        ..options("Retired")
    };
    List::parse(text, &options)
}

fn machines(list: Result<List, ListError>) -> Vec<String> {
    let entries = list.unwrap().entries.into_iter();
    entries
        .map(|entry| entry.machine.target.to_string())
        .collect()
}

fn unused(list: Result<List, ListError>) -> (String, u64, Option<String>) {
    match list {
        Err(ListError::UnusedIds { column, line, used }) => (column, line, used),
        other => panic!("{other:?}"),
    }
}

fn shown(text: &str, comment: &str) -> Vec<(u64, String, String)> {
    let list = List::parse(text, &options(comment)).unwrap();
    let shown = list.entries.into_iter().map(|entry| {
        (
            entry.line,
            entry.machine.target.to_string(),
            entry.comment.comment().unwrap().to_string(),
        )
    });
    shown.collect()
}

fn faults(text: &str) -> Vec<(u64, String)> {
    match list(text) {
        Err(ListError::Faults(faults)) => faults
            .into_iter()
            .map(|fault| (fault.line, fault.error.to_string()))
            .collect(),
        other => panic!("no faults: {other:?}"),
    }
}

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
    // A head of one column is one; a name alone is a machine.
    assert_eq!(shown("name\npc-1.test\n", "x").len(), 1);
    assert_eq!(shown("pc-0.test\npc-1.test\n", "x").len(), 2);
}

#[test]
fn a_cell_with_a_line_break_is_a_fault_where_it_is_used_or_may_hold_rows() {
    for (table, line, words) in [
        ("name,comment\npc-1,\"Lost,\nfor good\"\n", 2, "line break"),
        ("name,comment\npc-0,x\n\"pc-1\n\",x\n", 3, "control"),
        (
            "name,owner\npc-1,\"Lee\npc-2,\"\npc-3,Kim\n",
            2,
            "\"owner\"",
        ),
        ("name;owner\npc-1;\"Lee\rpc-2;\"\n", 2, "may be rows"),
        (
            "name,\"owner\npc-1,Lee\npc-2,\"\npc-3,Kim\n",
            1,
            "line break",
        ),
        ("name,comment\npc-1,Lost\u{2028}for good\n", 2, "line break"),
    ] {
        let found = faults(table);
        assert_eq!(found[0].0, line, "{found:?}");
        assert!(found[0].1.contains(words), "{found:?}");
    }
    let beside = format!("machineId,name\n{ID},\"pc-1\n.test\"\n");
    assert!(faults(&beside)[0].1.contains("line break"));
    let found = list("name,notes\npc-1,\"Lost.\nFor good.\"\npc-2,x\n").unwrap();
    let lines: Vec<u64> = found.entries.iter().map(|entry| entry.line).collect();
    assert_eq!(lines, [2, 4]);
    assert!(
        matches!(List::parse("name,t\npc-1,\"a\nb\"\n", &options("{t}")),
            Err(ListError::Faults(faults)) if faults[0].error == RowError::Comment(InvalidComment::Control))
    );
    assert!(
        faults("{\"name\":\"pc-1\",\"comment\":\"a\\nb\"}")[0]
            .1
            .contains("line break")
    );
}

#[test]
fn a_quotation_without_an_end_is_a_fault_where_it_begins() {
    let found = faults("name,comment\npc-1,\"Lost\npc-2,x\npc-3,x\n");
    assert_eq!((found.len(), found[0].0), (1, 2), "{found:?}");
    assert!(found[0].1.contains("no end"), "{found:?}");
    assert_eq!(faults("name,\"comment\npc-1,x\n")[0].0, 1);
    for stray in [
        "name,comment\npc-1,17\" screen\n",
        "name,comment\npc-1,\"a\" b\n",
    ] {
        assert!(faults(stray)[0].1.contains("twice"), "{stray}");
    }
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
fn a_column_of_ids_is_used_or_an_error() {
    let url = format!("https://security.microsoft.com/machines/v2/{OTHER}/overview?tid=x");
    for (text, column, line) in [
        (format!("MDFID,DeviceName\n{ID},pc-1\n"), "MDFID", 2),
        (format!("name,x\npc-1,\npc-2,{ID}\n"), "x", 3),
        (
            format!("name,x\npc-1,\"{{{}}}\"\n", ID.to_uppercase()),
            "x",
            2,
        ),
        (format!("name,x\npc-1,\u{feff}'{ID}\n"), "x", 2),
        (format!("name,link\npc-1,{url}\n"), "link", 2),
        (format!("name,link\npc-1,{}\n", &url[8..]), "link", 2),
        (format!("name,comment\npc-1,{ID}\n"), "comment", 2),
        (format!("{{\"name\":\"pc-1\",\"mdf\":\"{ID}\"}}"), "mdf", 1),
        (
            format!("{{\"name\":\"a\"}}\n{{\"name\":\"b\",\"x\":{{\"y\":\"{ID}\"}}}}"),
            "x.y",
            2,
        ),
        (format!("{{\"name\":\"pc-1\",\"mdf\":{OTHER}}}"), "mdf", 1),
    ] {
        assert_eq!(
            unused(list(&text)),
            (column.to_owned(), line, None),
            "{text}"
        );
        assert_eq!(
            unused(by(&text, None, Some(&text_name(&text)))).0,
            column,
            "{text}"
        );
    }
    // Beside another id, too, unless a user says which is meant.
    for (text, used, other) in [
        (format!("machineId,id\n{ID},{OTHER}\n"), "machineId", "id"),
        (
            format!("Device ID,MDFID\n{ID},{ID}\n{ID},{OTHER}\n"),
            "Device ID",
            "MDFID",
        ),
        (format!("id,name\n{ID},{OTHER}\n"), "id", "name"),
    ] {
        let (column, _, known) = unused(list(&text));
        assert_eq!(
            (column.as_str(), known.as_deref()),
            (other, Some(used)),
            "{text}"
        );
        assert_eq!(machines(by(&text, Some(used), None)), [ID]);
    }
    let same = format!("machineId,MDFID,name\n{ID},{},{ID}\n", ID.to_uppercase());
    assert_eq!(machines(list(&same)), [ID]);
}

/// An id is not less one because something is around it.
#[test]
fn an_id_with_something_around_it_is_an_id() {
    let dashed: Vec<&str> = (0..5).map(|part| &ID[part * 8..part * 8 + 8]).collect();
    let dashed = dashed.join("-");
    for cell in [
        format!("MDE:{ID}"),
        format!("{OTHER}, {ID}"),
        format!("{OTHER};{ID}"),
        format!("id={ID}"),
        format!("{ID} (pc)"),
        format!("sha1-{ID}"),
        format!("0x{}", ID.to_uppercase()),
        format!("{ID}_x"),
        format!("machines/{ID}"),
        format!("machines('{ID}')"),
        format!("machines%2F{ID}"),
        format!("%{ID}%"),
        format!("mde://{ID}"),
        format!("[{ID}]({ID})"),
        format!("https://example.com/?id={ID}&x=1"),
        format!("{}\u{200b}{}", &ID[..20], &ID[20..]),
        format!("{}-{}", &ID[..7], &ID[7..]),
        format!("mde-{dashed}"),
        format!("{ID}-pc"),
        format!("see {ID}."),
        dashed,
    ] {
        let quoted = format!("\"{cell}\"");
        for text in [
            format!("name,Defender ID\npc-1,{quoted}\n"),
            format!("name,Defender ID\npc-0,x\npc-1,{quoted}\n"),
            format!("{{\"name\":\"pc-1\",\"Defender ID\":{quoted}}}"),
        ] {
            assert_eq!(unused(list(&text)).0, "Defender ID", "{text}");
        }
        // Beside another id; a user's own word decides.
        let other = OTHER.replace('1', "2");
        let text = format!("machineId,also\n{other},{quoted}\n");
        assert_eq!(
            unused(list(&text)).2.as_deref(),
            Some("machineId"),
            "{text}"
        );
        assert_eq!(machines(by(&text, Some("machineId"), None)), [other]);
        // As the machine itself, it is neither an id nor a name.
        let found = list(&format!("name\n{quoted}\n"));
        assert!(
            matches!(found, Err(ListError::Faults(_))),
            "{cell}: {found:?}"
        );
        assert!(cell.parse::<MachineReference>().is_err(), "{cell}");
    }
    let key = format!("{{\"name\":\"pc-1\",\"devices\":{{\"{ID}\":true}}}}");
    assert_eq!(unused(list(&key)).0, format!("devices.{ID}"));
    let twice = format!("machineId,also\n{ID},\"{ID} {OTHER}\"\n");
    assert_eq!(unused(list(&twice)).0, "also");
    for same in [format!("{ID} {}", ID.to_uppercase()), format!("MDE:{ID}")] {
        let text = format!("machineId,also\n{ID},{same}\n");
        assert_eq!(machines(list(&text)), [ID], "{same}");
    }
}

#[test]
fn what_is_no_machine_id_does_not_make_a_list_unusable() {
    let guid = "11111111-2222-3333-4444-55555555555a";
    for cell in [
        format!("{ID}0"),
        format!("{ID}{}", &ID[..24]),
        ID[1..].to_owned(),
        guid.to_owned(),
        format!("{guid}-{guid}"),
        format!("{guid} {guid}"),
        "S-1-5-21-1004336348-1177238915-1682003330-123456".to_owned(),
        "S-1-12-1-1004336348-1177238915-1682003330-1234567890".to_owned(),
        "2024-11-27T10:00:00.0000000Z".to_owned(),
        "00:1A:2B:3C:4D:5E 00:1A:2B:3C:4D:5E 00:1A:2B:3C:4D:5E 00:1A".to_owned(),
    ] {
        let text = format!("name,x\npc-1,{cell}\n");
        assert_eq!(machines(list(&text)), ["pc-1"], "{cell}");
    }
    let comment = format!("name,comment\npc-1,Replaced by {ID}\n");
    assert_eq!(machines(list(&comment)), ["pc-1"]);
}

#[test]
fn two_names_of_different_machines_are_an_error() {
    for (text, column, other, line) in [
        ("name,hostname\npc-1,pc-2\n", "name", "hostname", 2),
        (
            "name,hostname,dnsName\npc-1,pc-1.a.test,pc-1.b.test\n",
            "dnsName",
            "hostname",
            2,
        ),
        (
            "hostname,name\npc-1,pc-1\npc-9,pc-1\n",
            "name",
            "hostname",
            3,
        ),
        (
            "{\"na me\":\"pc-1\",\"deviceName\":\"pc-2\"}",
            "na me",
            "deviceName",
            1,
        ),
        (
            "machineId,Device name,DNS name\n,pc-1.a.test,pc-1.b.test\n",
            "Device name",
            "DNS name",
            2,
        ),
    ] {
        match list(text) {
            Err(ListError::TwoNames {
                column: one,
                other: two,
                line: at,
            }) => {
                assert_eq!(
                    (one.as_str(), two.as_str(), at),
                    (column, other, line),
                    "{text}"
                );
            }
            found => panic!("{text}: {found:?}"),
        }
        assert!(by(text, None, Some(other)).is_ok(), "{text}");
    }
    for same in [
        "name,hostname\npc-1.corp.test,PC-1\n",
        "name,hostname\npc-1,pc-1.corp.test\n",
        "name,hostname\npc-1,\n,pc-2\n",
    ] {
        assert!(list(same).is_ok(), "{same}");
    }
}

fn text_name(text: &str) -> String {
    let known = ["DeviceName", "name"];
    let known = known.into_iter().find(|name| text.contains(name));
    known.unwrap_or_default().to_owned()
}

/// What an API answers: the first of an array is not all of them.
#[test]
fn machines_in_a_json_array_are_an_error() {
    let array = format!("[{{\"id\":\"{ID}\"}},{{\"id\":\"{OTHER}\"}}]");
    for text in [
        array.clone(),
        format!("{{\"value\":{array}}}"),
        format!("{{\n \"value\": {array}\n}}\n"),
        format!("{{\"name\":\"pc-1\",\"ids\":[0,\"{ID}\"]}}"),
    ] {
        assert!(matches!(list(&text), Err(ListError::Array)), "{text}");
        let first = by(&text, Some("value.0.id"), None);
        assert!(first.is_err(), "{text}");
    }
    let beside = format!("{{\"id\":\"{ID}\",\"others\":[\"{OTHER}\"]}}");
    assert_eq!(unused(list(&beside)).2.as_deref(), Some("id"));
    assert_eq!(machines(by(&beside, Some("id"), None)), [ID]);
}

#[test]
fn a_user_says_which_column_names_the_machines() {
    let text = format!("MDFID,DeviceName,Host Name\n{ID},pc-1,pc-2\n");
    let found = by(&text, Some("MDFID"), None).unwrap();
    assert_eq!(found.entries[0].called.as_deref(), Some("pc-1"));
    assert_eq!(machines(by(&text, Some("mdf id"), Some("HostName"))), [ID]);
    let guids = "Device ID,Device name\n11111111-2222-3333-4444-555555555555,pc-1\n\
                 11111111-2222-3333-4444-555555555556,pc-2\n";
    let Err(ListError::Guids { column, names }) = list(guids) else {
        panic!("these are no machine ids");
    };
    assert_eq!(
        (column.as_str(), names.as_deref()),
        ("Device ID", Some("Device name"))
    );
    assert_eq!(
        machines(by(guids, None, Some("device name"))),
        ["pc-1", "pc-2"]
    );
    let single = format!("Owned\n{ID}\n");
    assert_eq!(machines(by(&single, Some("Owned"), None)), [ID]);
    let json = format!("{{\"device\":{{\"id\":\"{ID}\"}},\"name\":\"pc-1\"}}");
    assert_eq!(machines(by(&json, Some("device.id"), None)), [ID]);
    // A column that does not exist is never replaced by another one.
    for (id, name) in [
        (Some("nope"), None),
        (None, Some("nope")),
        (Some("nope"), Some("DeviceName")),
    ] {
        assert!(
            matches!(by(&text, id, name), Err(ListError::NoColumn(column, _)) if column == "nope")
        );
        assert!(matches!(
            by(&json, id, name.map(|_| "nope")),
            Err(ListError::Faults(_))
        ));
    }
    // A row without an id is not selected by its name, unless its column is named, too.
    let partly = format!("MDFID,name\n{ID},pc-1\n,pc-2\n");
    assert!(
        matches!(by(&partly, Some("MDFID"), None), Err(ListError::Faults(faults)) if faults[0].line == 3)
    );
    assert_eq!(
        machines(by(&partly, Some("MDFID"), Some("name"))),
        [ID, "pc-2"]
    );
    // What is in the column is checked to be what it should be.
    let swapped = by(&text, Some("DeviceName"), None);
    assert!(matches!(swapped, Err(ListError::NoIds(_))), "{swapped:?}");
    assert!(matches!(
        by("h\npc-1\n", None, Some("x")),
        Err(ListError::NoColumn(..))
    ));
    let id_as_name = by(&format!("h,x\n{ID},y\n"), None, Some("h"));
    assert!(
        matches!(id_as_name, Err(ListError::Faults(_))),
        "{id_as_name:?}"
    );
}

#[test]
fn a_table_without_a_head_does_not_lose_its_first_row() {
    for text in [
        format!("{ID},name\n{OTHER},pc-2\n"),
        format!("pc-1,{ID}\npc-2,{OTHER}\n"),
    ] {
        assert!(matches!(list(&text), Err(ListError::NoHead(1))), "{text}");
        assert!(matches!(
            by(&text, Some("name"), None),
            Err(ListError::NoHead(1))
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
    let used = List::parse(&twice, &options("{TAGS}"));
    assert!(matches!(used, Err(ListError::Faults(_))), "{used:?}");
    assert_eq!(shown(&twice, "{tags}")[0].2, "b");
    for head in ["id,Id,x", "id,comment,Comment", "id,name,Name"] {
        let text = format!("{head}\n{ID},a,b\n");
        assert!(
            matches!(list(&text), Err(ListError::Head(RowError::Twice(_)))),
            "{head}"
        );
    }
    let nul = List::read(&b"n\0a\0m\0e\0\n\0"[..], &options("x"));
    assert!(matches!(nul, Err(ListError::Encoding)));
}

#[test]
fn a_machine_that_is_named_again_is_one() {
    let list = list(&format!(
        "{ID}\npc-1.test\n{}\nPC-1.test\n",
        ID.to_uppercase()
    ))
    .unwrap();
    assert_eq!((list.entries.len(), list.repeated), (2, 2));
    let found = faults("name,comment\npc-1,a\npc-1,b\n");
    assert_eq!(found[0].0, 3);
    assert!(found[0].1.contains("line 2"), "{found:?}");
}

#[test]
fn of_several_columns_of_ids_the_same_one_counts_each_time() {
    for _ in 0..20 {
        let found = shown(
            &format!("id,machineId,comment\npc-9,{ID},x\n,{OTHER},y\n"),
            "x",
        );
        assert_eq!((found[0].1.as_str(), found[1].1.as_str()), (ID, OTHER));
        let found = shown("hostname,name\npc-1,pc-1.test\n", "x");
        assert_eq!(found[0].1, "pc-1.test");
    }
    // Another list's id is not a name.
    let found = list(&format!("id,comment\nasset-17,x\n{ID},x\n"));
    let found = found.unwrap_err();
    assert!(
        matches!(&found, ListError::Faults(faults) if faults[0].error.to_string().contains("not a machine id")),
        "{found:?}"
    );
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
fn the_name_beside_an_id_is_not_lost_where_it_stands_again() {
    let text = format!("machineId,name\n{ID},\n{ID},pc-1.corp.test\n{ID},PC-1\n");
    let found = list(&text).unwrap();
    assert_eq!(found.entries[0].called.as_deref(), Some("pc-1.corp.test"));
    let text = format!("machineId,name\n{ID},pc-1\n{ID},pc-2\n");
    assert!(faults(&text)[0].1.contains("another name"));
    assert_eq!(list("# a\npc-1\n#2\n").unwrap().remarks, 2);
}

#[test]
fn every_fault_is_told_with_its_line() {
    let found = faults(&format!(
        "machineId,comment,ticket\n{},x,1\n{ID},x\n,x,1\n{ID},x,1\n\"11111111-2222-3333-4444-555555555555\",x,1\n",
        &ID[1..]
    ));
    let told: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(told, [2, 3, 4, 6], "{found:?}");
    for ((_, reason), words) in found.iter().zip(["39", "2 cells", "neither", "GUID"]) {
        assert!(reason.contains(words), "{reason}");
    }
    let found = faults("{\"name\":\"pc-1\"}\nnothing\n{\"name\":1.5}\n[]\n{}\n");
    let told: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(told, [2, 4, 5], "{found:?}");
    let found = faults("pc-1\n./machines.csv\n12\n");
    let told: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(told, [2, 3]);
}

const JWT: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJhdWQiOiJodHRwczovL2FwaSJ9.c2lnbmF0dXJl";
const CLIENT_SECRET: &str = "abc8Q~xyzXYZ0123456789abcdefABCDEF-._~ab";

/// A file with a token or a password, given by mistake, is neither repeated nor looked up.
#[test]
fn a_file_with_a_secret_is_not_repeated() {
    for secret in [
        JWT,
        CLIENT_SECRET,
        "q7Vh2Lk9+Zr4/Tn1Xw8Pd3Gs6Bm0Yc5Jf2Ka7Ue==",
        "q7Vh2Lk9Zr4Tn1Xw8Pd3Gs6Bm0Yc5Jf2Ka7Ue",
        "Summer2024!",
        "Summer,2024!",
        "-hunter2",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ] {
        for text in [
            secret.to_owned(),
            format!("# the password\n\n{secret}\r\n"),
            format!("\u{feff}{secret}\n"),
            format!("Bearer {secret}\n"),
            format!("{secret}\n{secret}x\n"),
            format!("PASSWORD={secret}\nx\n"),
            format!("{secret},x\npc-1,y\n"),
            format!("machineId\n{secret}\n"),
            format!("machineId\n{ID}\n{secret}\n"),
            format!("name\n\"{secret}\n\"\n"),
            format!("{{\"name\":\"{secret}!\"}}"),
            format!("{{\"{secret}\":1,\"{secret}\":2}}"),
            format!("{{\"password\":\"{secret}\"}}"),
        ] {
            for found in [
                list(&text),
                by(&text, None, Some("name")),
                by(&text, Some("id"), None),
            ] {
                let Err(error) = found else {
                    assert!(
                        !text.contains(JWT) && !text.contains(CLIENT_SECRET),
                        "{text}"
                    );
                    assert_ne!(text.trim(), secret);
                    continue;
                };
                let faults = match &error {
                    ListError::Faults(faults) => faults.iter().map(ToString::to_string).collect(),
                    _ => String::new(),
                };
                let told = format!("{error} {faults}");
                for part in [secret, &secret[..6], &secret[secret.len() - 6..]] {
                    // What a JSON member is called is no value; but a token is.
                    assert!(
                        !told.contains(part) || text.contains("\":1"),
                        "{text}: {told}"
                    );
                }
            }
        }
        let alone = by(secret, None, Some("name"));
        assert!(
            matches!(alone, Err(ListError::Secret)),
            "{secret}: {alone:?}"
        );
    }
    for header in ["monkey", "hunter2"] {
        let found = by(header, None, Some("name"));
        assert!(matches!(found, Err(ListError::Secret)), "{found:?}");
    }
    // In a list, a secret is not sent as a name or a comment.
    for text in [
        format!("pc-1\n{JWT}\n"),
        format!("name\n{JWT}\n"),
        format!("name,comment\npc-1,see {CLIENT_SECRET}\n"),
    ] {
        assert!(matches!(list(&text), Err(ListError::Faults(_))), "{text}");
    }
    // What looks like a reference to a machine is shown.
    for (text, told) in [
        ("0123", "\"0123\""),
        ("11111111-2222-3333-4444-555555555555", "GUID"),
        ("pc-1\nlaptop 7\n", "\"laptop 7\""),
    ] {
        assert!(faults(text)[0].1.contains(told), "{:?}", faults(text));
    }
    assert_eq!(machines(list("WIN-8Q4K2L9X7M3\n")), ["WIN-8Q4K2L9X7M3"]);
}

#[test]
fn a_column_of_row_numbers_is_one_error() {
    for text in [
        "ID,Device\n1,pc-1\n2,pc-2\n3,pc-3\n",
        "ID,name\n1,pc-1\n,pc-2\n",
        "{\"id\":1,\"name\":\"pc-1\"}",
    ] {
        let found = list(text).unwrap_err();
        assert!(
            matches!(&found, ListError::NoIds(column) if column.eq_ignore_ascii_case("id")),
            "{found:?}"
        );
    }
    // An id that was cut is reported as that.
    let cut = format!("id\n1\n{}\n", &ID[1..]);
    assert!(faults(&cut)[1].1.contains("39"));
    assert!(!faults(&cut)[0].1.contains("duration"));
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
fn what_is_no_list_is_told_as_that() {
    assert!(matches!(list(""), Err(ListError::Empty)));
    assert!(matches!(list("# nothing\n\n"), Err(ListError::Empty)));
    assert!(matches!(list("name,comment\n"), Err(ListError::Empty)));
    assert!(matches!(
        list("[{\"name\":\"pc-1\"}]"),
        Err(ListError::Array)
    ));
    let twice = "name,Name,comment\npc-1,pc-2,x\n";
    assert!(matches!(list(twice), Err(ListError::Head(_))));
    for head in ["serial,owner\n1,2\n", "asset;owner\n1;2\n"] {
        assert!(matches!(list(head), Err(ListError::Columns(_))), "{head}");
    }
}

#[test]
fn a_comment_takes_what_a_row_has() {
    let table = "name,Ticket No,owner\npc-1,INC-1,Ada\npc-2,INC-2,\n";
    let found = shown(table, "Retired, {ticket no} {{{TicketNo}}}");
    assert_eq!(found[0].2, "Retired, INC-1 {INC-1}");
    let told = |comment: &str| match List::parse(table, &options(comment)) {
        Err(ListError::Faults(faults)) => faults,
        other => panic!("{other:?}"),
    };
    let missing = told("{owner}");
    assert_eq!((missing.len(), missing[0].line), (1, 3));
    assert_eq!(told("{asset}").len(), 2);
    for broken in ["{", "{}", "}", "{ticket", "{a{b}}"] {
        let found = List::parse(table, &options(broken));
        assert!(matches!(found, Err(ListError::Template(_))), "{broken}");
    }
    // Without a comment, each row needs its own.
    assert!(
        matches!(List::parse(table, &ListOptions::default()), Err(ListError::Faults(faults)) if faults.len() == 2)
    );
}

#[test]
fn a_long_list_is_read() {
    let lines: String = (0..100_000)
        .map(|number| format!("{number:040x}\n"))
        .collect();
    assert_eq!(list(&lines).unwrap().entries.len(), 100_000);
}
