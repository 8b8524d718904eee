//! Each machine once, its comment, and the lines that cannot be used.

use super::*;

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
fn the_name_beside_an_id_is_not_lost_where_it_stands_again() {
    let text = format!("machineId,name\n{ID},\n{ID},pc-1.corp.test\n{ID},PC-1\n");
    let found = list(&text).unwrap();
    assert_eq!(
        found.entries[0].display_name.as_deref(),
        Some("pc-1.corp.test")
    );
    let text = format!("machineId,name\n{ID},pc-1\n{ID},pc-2\n");
    assert!(faults(&text)[0].1.contains("another name"));
    assert_eq!(list("# a\npc-1\n#2\n").unwrap().remarks, 2);
}

#[test]
fn every_error_names_its_line() {
    let found = faults(&format!(
        "machineId,comment,ticket\n{},x,1\n{ID},x\n,x,1\n{ID},x,1\n\"11111111-2222-3333-4444-555555555555\",x,1\n",
        &ID[1..]
    ));
    let lines: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 3, 4, 6], "{found:?}");
    for ((_, reason), words) in found.iter().zip(["39", "2 cells", "neither", "GUID"]) {
        assert!(reason.contains(words), "{reason}");
    }
    let found = faults("{\"name\":\"pc-1\"}\nnothing\n{\"name\":1.5}\n[]\n{}\n");
    let lines: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 4, 5], "{found:?}");
    let found = faults("pc-1\n./machines.csv\n12\n");
    let lines: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 3]);
}

#[test]
fn a_comment_takes_what_a_row_has() {
    let table = "name,Ticket No,owner\npc-1,INC-1,Ada\npc-2,INC-2,\n";
    let found = shown(table, "Retired, {ticket no} {{{TicketNo}}}");
    assert_eq!(found[0].2, "Retired, INC-1 {INC-1}");
    let errors = |comment: &str| match MachineList::parse(table, &options(comment)) {
        Err(ListError::Lines(faults)) => faults,
        other => panic!("{other:?}"),
    };
    let missing = errors("{owner}");
    assert_eq!((missing.len(), missing[0].line), (1, 3));
    assert_eq!(errors("{asset}").len(), 2);
    for broken in ["{", "{}", "}", "{ticket", "{a{b}}"] {
        let found = MachineList::parse(table, &options(broken));
        assert!(matches!(found, Err(ListError::Template(_))), "{broken}");
    }
    // Without a comment, each row needs its own.
    assert!(
        matches!(MachineList::parse(table, &ListOptions::default()), Err(ListError::Lines(faults)) if faults.len() == 2)
    );
}
