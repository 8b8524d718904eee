//! The columns that name the machines.

use super::*;

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
    // The same beside another id, unless the user selects a column.
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

/// Text around an id does not make it another id.
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
        // The same beside another id; the user's selection takes precedence.
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
            matches!(found, Err(ListError::Lines(_))),
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
fn an_invalid_machine_id_does_not_make_a_list_unusable() {
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

#[test]
fn a_user_says_which_column_names_the_machines() {
    let text = format!("MDFID,DeviceName,Host Name\n{ID},pc-1,pc-2\n");
    let found = by(&text, Some("MDFID"), None).unwrap();
    assert_eq!(found.entries[0].display_name.as_deref(), Some("pc-1"));
    assert_eq!(machines(by(&text, Some("mdf id"), Some("HostName"))), [ID]);
    let guids = "Device ID,Device name\n11111111-2222-3333-4444-555555555555,pc-1\n\
                 11111111-2222-3333-4444-555555555556,pc-2\n";
    let Err(ListError::Guids { column, names, .. }) = list(guids) else {
        panic!("these are no machine ids");
    };
    assert_eq!(
        (column.as_deref(), names.as_deref()),
        (Some("Device ID"), Some("Device name"))
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
            Err(ListError::Lines(_))
        ));
    }
    // A row without an id is not selected by its name, unless its column is named, too.
    let partly = format!("MDFID,name\n{ID},pc-1\n,pc-2\n");
    assert!(
        matches!(by(&partly, Some("MDFID"), None), Err(ListError::Lines(faults)) if faults[0].line == 3)
    );
    assert_eq!(
        machines(by(&partly, Some("MDFID"), Some("name"))),
        [ID, "pc-2"]
    );
    // The content of a selected column is checked.
    let swapped = by(&text, Some("DeviceName"), None);
    assert!(matches!(swapped, Err(ListError::NoIds(_))), "{swapped:?}");
    assert!(matches!(
        by("h\npc-1\n", None, Some("x")),
        Err(ListError::NoColumn(..))
    ));
    let id_as_name = by(&format!("h,x\n{ID},y\n"), None, Some("h"));
    assert!(
        matches!(id_as_name, Err(ListError::Lines(_))),
        "{id_as_name:?}"
    );
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
    // The id of another kind of list is not a name.
    let found = list(&format!("id,comment\nasset-17,x\n{ID},x\n"));
    let found = found.unwrap_err();
    assert!(
        matches!(&found, ListError::Lines(faults) if faults[0].error.to_string().contains("not a machine id")),
        "{found:?}"
    );
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
    // A truncated id is reported as such.
    let cut = format!("id\n1\n{}\n", &ID[1..]);
    assert!(faults(&cut)[1].1.contains("39"));
    assert!(!faults(&cut)[0].1.contains("duration"));
}
