//! Quoted cells and line breaks.

use super::*;

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
        matches!(MachineList::parse("name,t\npc-1,\"a\nb\"\n", &options("{t}")),
            Err(ListError::Lines(faults)) if faults[0].error == RowError::Comment(InvalidComment::Control))
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
        assert!(faults(stray)[0].1.contains("quotation mark"), "{stray}");
    }
}
