#![allow(clippy::unwrap_used)]
use super::*;

const ID: &str = "0123456789abcdef0123456789abcdef01234567";
const OTHER: &str = "1111111111111111111111111111111111111111";

fn list(text: &str) -> Result<List, ListError> {
    check(text, Some(&"Retired".parse().unwrap()), "list")
}

fn shown(text: &str, comment: &str) -> Vec<(u64, String, String)> {
    let list = check(text, Some(&comment.parse().unwrap()), "list").unwrap();
    let shown = list.entries.into_iter().map(|entry| {
        (
            entry.line,
            entry.named.target.to_string(),
            entry.comment.comment().unwrap().to_string(),
        )
    });
    shown.collect()
}

fn faults(text: &str) -> Vec<(u64, String)> {
    match list(text) {
        Err(ListError::Faults(_, faults)) => faults
            .into_iter()
            .map(|fault| (fault.line, fault.reason))
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
fn a_cell_may_have_more_than_one_line() {
    let table = format!("name,comment\npc-1,\"Lost,\nfor good\"\npc-2,x\n{ID},y\n");
    let found = shown(&table, "x");
    assert_eq!(found[0].2, "Lost,\nfor good");
    assert_eq!(found[1].0, 4);
}

#[test]
fn a_machine_that_is_named_again_is_one() {
    let list = list(&format!(
        "{ID}\npc-1.test\n{}\nPC-1.test\n",
        ID.to_uppercase()
    ))
    .unwrap();
    assert_eq!((list.entries.len(), list.again), (2, 2));
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
        let found = shown("hostname,name\npc-9,pc-1\n", "x");
        assert_eq!(found[0].1, "pc-1");
    }
    // Another list's id is no name.
    let found = faults("id,comment\nasset-17,x\n");
    assert!(found[0].1.contains("no machine id"), "{found:?}");
}

#[test]
fn a_member_that_stands_twice_is_a_fault() {
    for twice in [
        format!("{{\"machineId\":\"{ID}\",\"machineId\":\"{OTHER}\"}}"),
        format!("{{\"machineId\":\"{ID}\",\"MachineID\":\"{OTHER}\"}}"),
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
    for ((_, reason), words) in found.iter().zip(["39", "2 columns", "neither", "GUID"]) {
        assert!(reason.contains(words), "{reason}");
    }
    let found = faults("{\"name\":\"pc-1\"}\nnothing\n{\"name\":1.5}\n[]\n{}\n");
    let told: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(told, [2, 4, 5], "{found:?}");
    let found = faults("pc-1\n./machines.csv\n12\n");
    let told: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(told, [2, 3]);
}

#[test]
fn what_is_no_list_is_told_as_that() {
    assert!(matches!(list(""), Err(ListError::Empty(_))));
    assert!(matches!(list("# nothing\n\n"), Err(ListError::Empty(_))));
    assert!(matches!(list("name,comment\n"), Err(ListError::Empty(_))));
    assert!(matches!(
        list("[{\"name\":\"pc-1\"}]"),
        Err(ListError::Array(_))
    ));
    let twice = "name,Name,comment\npc-1,pc-2,x\n";
    assert!(matches!(list(twice), Err(ListError::Twice(..))));
    for head in ["serial,owner\n1,2\n", "asset;owner\n1;2\n"] {
        assert!(matches!(list(head), Err(ListError::Columns(..))), "{head}");
    }
}

#[test]
fn a_comment_takes_what_a_row_has() {
    let table = "name,Ticket No,owner\npc-1,INC-1,Ada\npc-2,INC-2,\n";
    let found = shown(table, "Retired, {ticket no} {{{TicketNo}}}");
    assert_eq!(found[0].2, "Retired, INC-1 {INC-1}");
    let told = |comment: &str| {
        let comment = comment.parse().unwrap();
        match check(table, Some(&comment), "list") {
            Err(ListError::Faults(_, faults)) => faults,
            other => panic!("{other:?}"),
        }
    };
    let missing = told("{owner}");
    assert_eq!((missing.len(), missing[0].line), (1, 3));
    assert_eq!(told("{asset}").len(), 2);
    for broken in ["{", "{}", "}", "{ticket", "{a{b}}"] {
        assert_eq!(told(broken)[0].line, 0, "{broken}");
    }
    // Without a comment, each row needs its own.
    assert!(
        matches!(check(table, None, "list"), Err(ListError::Faults(_, faults)) if faults.len() == 2)
    );
}

#[test]
fn a_long_list_is_read() {
    let lines: String = (0..100_000)
        .map(|number| format!("{number:040x}\n"))
        .collect();
    assert_eq!(list(&lines).unwrap().entries.len(), 100_000);
}
