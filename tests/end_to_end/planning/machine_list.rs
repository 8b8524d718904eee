//! Machines from a file: all of it is checked before anything is sent, and each error
//! has its line number.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

use crate::support::{Outcome, World};

const RUN_ARGS: [&str; 5] = [
    "--yes",
    "--comment",
    "Retired, {ticket}",
    "--output",
    "json",
];

fn from(world: &World, text: &str, more: &[&str]) -> Command {
    let file = world.path("machines");
    fs::write(&file, text).unwrap();
    let args = [&["run", "--from", file.to_str().unwrap()], more].concat();
    world.command(&args)
}

fn outcome(command: &mut Command) -> Outcome {
    command.output().unwrap().into()
}

#[test]
fn each_machine_of_a_table_is_offboarded_once_with_its_comment() {
    let world = World::new();
    let machines = world.online();
    let table = format!(
        "machineId,name,ticket,comment\n{},,INC-1,\n,{},INC-2,\"Lost, for good\"\n{},,INC-1,\n",
        machines[0].machine.id,
        machines[1].machine.computer_dns_name,
        machines[0].machine.id.to_uppercase(),
    );
    let done = outcome(&mut from(&world, &table, &RUN_ARGS));
    assert_eq!(done.code, 0, "{done:?}");
    let read = "read 3 rows, 2 machines (1 repeated)";
    assert!(done.stderr.contains(read), "{done:?}");
    assert_eq!(world.offboardings().len(), 2);
    let recorded = world.recorded();
    let comments = recorded
        .iter()
        .map(|order| order["comment"].as_str().unwrap());
    let comments: Vec<&str> = comments.collect();
    assert_eq!(comments, ["Retired, INC-1", "Lost, for good"]);
}

#[test]
fn standard_input_is_a_list_too() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    for (text, args) in [
        (format!("{id}\n"), &["--comment", "x"][..]),
        (
            format!("{{\"machineId\":\"{id}\",\"comment\":\"x\"}}\n"),
            &[],
        ),
    ] {
        let world = World::new();
        let args = [&["run", "--from", "-", "--yes"], args].concat();
        let mut command = world.command(&args);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(text.as_bytes()).unwrap();
        drop(input);
        let done = Outcome::from(child.wait_with_output().unwrap());
        assert_eq!((done.code, world.posts().len()), (0, 1), "{done:?}");
    }
}

#[test]
fn one_fault_is_enough_to_send_nothing() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let table = format!("machineId,ticket\n{id},INC-1\n0123,INC-2\n{id},\n,INC-3\n");
    let refused = outcome(&mut from(&world, &table, &RUN_ARGS));
    assert_eq!(refused.code, 2, "{refused:?}");
    for words in ["line 3: ", "line 4: ", "line 5: ", "3 lines cannot be used"] {
        assert!(refused.stderr.contains(words), "{words}: {refused:?}");
    }
    assert!(!refused.stderr.contains("line 2"), "{refused:?}");
    assert!(world.requests().is_empty());
}

#[test]
fn an_invalid_list_is_reported_and_nothing_is_sent() {
    let world = World::new();
    for (bytes, words) in [
        (&b"\xff\xfen\0a\0m\0e\0\n"[..], "UTF-16"),
        (b"", "has no machines"),
        (b"serial,owner\n1,2\n", "machineId"),
        (b"name\npc\x1b[2J\n", "line 2"),
        (b"name,comment\npc-1,\"Lost\npc-2,x\n", "line 2: "),
        (b"{\"name\":\"pc-1\",\"comment\":\"a\\nb\"}\n", "line break"),
    ] {
        let file = world.path("machines");
        fs::write(&file, bytes).unwrap();
        let args = [
            "run",
            "--from",
            file.to_str().unwrap(),
            "--yes",
            "--comment",
            "x",
        ];
        let refused = outcome(&mut world.command(&args));
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.stderr.contains(words), "{words}: {refused:?}");
        assert!(!refused.stderr.contains('\u{1b}'), "{refused:?}");
    }
    let missing = world.offboard(&["run", "--from", "/no/such/list", "--yes", "--comment", "x"]);
    assert_eq!(missing.code, 2, "{missing:?}");
    let both = world.offboard(&["run", "pc-1", "--from", "-", "--yes", "--comment", "x"]);
    assert_eq!(both.code, 2, "{both:?}");
    assert!(world.requests().is_empty());
}

#[test]
fn an_id_beside_another_machines_name_is_not_offboarded() {
    let world = World::new();
    let machines = world.online();
    let (one, other) = (&machines[0].machine, &machines[1].machine);
    let label = other.computer_dns_name.split('.').next().unwrap();
    let table = format!(
        "Device ID,Device name\n{},dc01.corp.test\n{},{}\n",
        one.id,
        other.id,
        label.to_uppercase()
    );
    let args = ["--yes", "--comment", "x", "--output", "json"];
    let done = outcome(&mut from(&world, &table, &args));
    let rows = done.rows();
    assert_eq!(
        (done.code, &rows[0]["error"]["kind"]),
        (1, &"wrong-machine".into())
    );
    assert_eq!(rows[1]["state"], "accepted", "{done:?}");
    assert_eq!(world.posts().len(), 1);
}

/// Two common reports: a Defender export joined with Entra ids, and an Intune export.
#[test]
fn a_column_of_machine_ids_is_never_passed_over_for_the_name() {
    let world = World::new();
    let machines = world.online();
    let (one, other) = (&machines[0].machine, &machines[1].machine);
    let table = format!(
        "MDFID,DeviceName,AzureDeviceID\n{},{},00000000-aaaa-4bbb-8ccc-dddddddddddd\n",
        one.id, other.computer_dns_name
    );
    let args = ["--yes", "--comment", "x", "--output", "json"];
    let refused = outcome(&mut from(&world, &table, &args));
    assert_eq!(refused.code, 2, "{refused:?}");
    for words in ["\"MDFID\"", "line 2", "help: Add --id-column MDFID"] {
        assert!(refused.stderr.contains(words), "{words}: {refused:?}");
    }
    let missing = [&args[..], &["--id-column", "MDF"]].concat();
    assert_eq!(outcome(&mut from(&world, &table, &missing)).code, 2);
    assert!(world.requests().is_empty());
    // Selected by id, the machine has to have the name in its row.
    let by_id = [&args[..], &["--id-column", "mdfid"]].concat();
    let done = outcome(&mut from(&world, &table, &by_id));
    assert_eq!(done.row()["error"]["kind"], "wrong-machine", "{done:?}");
    let right = table.replace(&other.computer_dns_name, &one.computer_dns_name);
    let done = outcome(&mut from(&world, &right, &by_id));
    assert_eq!(done.row()["machineId"], one.id, "{done:?}");

    let intune = format!(
        "\u{feff}Device ID,Device name\r\n0f0f0f0f-1111-4222-8333-444444444444,{}\r\n",
        other.computer_dns_name
    );
    let refused = outcome(&mut from(&world, &intune, &args));
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains("--name-column"), "{refused:?}");
    // One error and one help line, not a line for each row.
    assert_eq!(refused.stderr.lines().count(), 2, "{refused:?}");
    let by_name = [&args[..], &["--name-column", "Device name"]].concat();
    let done = outcome(&mut from(&world, &intune, &by_name));
    assert_eq!(done.row()["machineId"], other.id, "{done:?}");
    assert_eq!(world.posts().len(), 2);
}

/// Also if the list has the same machine without a tenant.
#[test]
fn a_list_does_not_lose_the_tenant_of_a_portals_url() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let url = format!(
        "https://security.microsoft.com/machines/{id}?tid=11111111-1111-4111-8111-111111111111"
    );
    for list in [format!("{id}\n{url}\n"), format!("{url}\n{id}\n")] {
        let args = ["--yes", "--comment", "x", "--output", "json"];
        let refused = outcome(&mut from(&world, &list, &args));
        assert_eq!(refused.code, 3, "{refused:?}");
        assert_eq!(refused.row()["error"]["kind"], "wrong-tenant");
    }
    assert!(world.requests().is_empty());
}

#[test]
fn each_comment_is_shown_before_it_is_sent() {
    let world = World::new();
    let machines = world.online();
    let name = &machines[0].machine.computer_dns_name;
    let table = format!(
        "name,ticket\n{name},INC-1\n{},INC-2\n",
        machines[1].machine.computer_dns_name
    );
    let args = ["--dry-run", "--comment", "Retired, {ticket}"];
    let planned = outcome(&mut from(&world, &table, &args));
    assert_eq!(planned.code, 0, "{planned:?}");
    for shown in [
        format!("{name}: Retired, INC-1"),
        ": Retired, INC-2".to_owned(),
    ] {
        assert!(planned.stderr.contains(&shown), "{shown}: {planned:?}");
    }
}

/// An Intune export: the advice works as printed.
#[test]
fn guids_are_not_machine_ids_and_the_advice_fits_the_arguments() {
    let world = World::new();
    let machine = world.online()[0].machine.clone();
    let table = format!(
        "Device ID,Device name\n11111111-2222-3333-4444-555555555555,{}\n",
        machine.computer_dns_name
    );
    let (id, name) = (
        ["--id-column", "Device ID"],
        ["--name-column", "Device name"],
    );
    for (args, advice) in [
        (vec![], "help: Add --name-column \"Device name\""),
        (
            id.to_vec(),
            "help: Replace --id-column with --name-column \"Device name\"",
        ),
        ([id, name].concat(), "help: Remove --id-column"),
    ] {
        let args = [&["--comment", "x", "--yes"], &args[..]].concat();
        let done = outcome(&mut from(&world, &table, &args));
        assert_eq!(done.code, 2, "{done:?}");
        assert!(done.stderr.contains("contains GUIDs"), "{done:?}");
        assert!(done.stderr.contains(advice), "{done:?}");
    }
    assert!(world.posts().is_empty());
    let args = [&["--comment", "x", "--yes"], &name[..]].concat();
    let done = outcome(&mut from(&world, &table, &args));
    assert_eq!((done.code, world.posts().len()), (0, 1), "{done:?}");
}

#[test]
fn two_names_of_one_machine_with_two_comments_are_a_fault() {
    let world = World::new();
    let machine = world.online()[0].machine.clone();
    let args = ["--yes", "--output", "json"];
    let table = format!(
        "machineId,name,comment\n,{},a\n{},,b\n",
        machine.computer_dns_name, machine.id
    );
    let done = outcome(&mut from(&world, &table, &args));
    let rows = done.rows();
    assert_eq!(
        (done.code, &rows[1]["error"]["kind"]),
        (1, &"duplicate".into()),
        "{done:?}"
    );
    assert_eq!(rows[1]["state"], "rejected");
    assert_eq!(world.posts().len(), 1);
}

#[test]
fn orders_of_another_run_are_reported_for_every_name_of_a_machine() {
    let world = World::new();
    let machine = world.offline().machine;
    assert_eq!(world.run(&[&machine.id]).code, 0);
    let table = format!("{}\n{}\n", machine.id, machine.computer_dns_name);
    let args = ["--yes", "--comment", "x", "--output", "json"];
    let skipped = outcome(&mut from(&world, &table, &args));
    for row in skipped.rows() {
        assert_eq!(row["error"]["kind"], "still-pending", "{skipped:?}");
    }
    assert_eq!((skipped.rows().len(), world.posts().len()), (2, 1));
}

/// An export of Intune with Entra device ids, and the same ids without a header.
#[test]
fn the_machines_of_entra_devices_are_looked_up_if_the_user_says_so() {
    let world = World::new();
    let all = world.online();
    let devices = || all.iter().filter_map(|truth| truth.machine.aad_device_id);
    let machine = all
        .iter()
        .map(|truth| &truth.machine)
        .find(|machine| {
            let device = machine.aad_device_id;
            device.is_some() && devices().filter(|other| Some(*other) == device).count() == 1
        })
        .unwrap();
    let device = machine.aad_device_id.unwrap().to_string();
    let table = format!(
        "Device ID,Device name,Azure AD Device ID\n0f0f0f0f-1111-4222-8333-444444444444,{},{}\n",
        machine.computer_dns_name,
        device.to_uppercase()
    );
    let args = ["--yes", "--comment", "x", "--output", "json"];
    let refused = outcome(&mut from(&world, &table, &args));
    assert_eq!(refused.code, 2, "{refused:?}");
    let advice = "or --entra-id-column \"Azure AD Device ID\"";
    assert!(refused.stderr.contains(advice), "{refused:?}");
    let lines = format!("{device}\n{device}\n");
    let refused = outcome(&mut from(&world, &lines, &args));
    assert_eq!(refused.code, 2, "{refused:?}");
    assert_eq!(refused.stderr.lines().count(), 2, "{refused:?}");
    assert!(refused.stderr.contains("--entra-id-column"), "{refused:?}");
    assert!(world.requests().is_empty());
    let by_device = [&args[..], &["--entra-id-column", "Azure AD Device ID"]].concat();
    let unknown = table.replace(
        &device.to_uppercase(),
        "00000000-aaaa-4bbb-8ccc-dddddddddddd",
    );
    let refused = outcome(&mut from(&world, &unknown, &by_device));
    assert_eq!((refused.code, world.posts().len()), (2, 0), "{refused:?}");
    let words = "line 2: no machine has the Entra device id";
    assert!(refused.stderr.contains(words), "{refused:?}");
    // The name in the list has to be the machine's.
    let wrong = table.replace(&machine.computer_dns_name, "dc01.corp.test");
    let refused = outcome(&mut from(&world, &wrong, &by_device));
    assert_eq!(
        refused.row()["error"]["kind"],
        "wrong-machine",
        "{refused:?}"
    );
    let done = outcome(&mut from(&world, &table, &by_device));
    assert_eq!((done.code, world.posts().len()), (0, 1), "{done:?}");
    assert_eq!(done.row()["machineId"], machine.id, "{done:?}");
}

#[test]
fn lists_of_windows_and_saved_answers_are_read() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let table = format!("\u{feff}Device ID;Device Name\r\n{id};\r\n");
    let utf16: Vec<u8> = table.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let windows = [format!("id,comment\n{id},Gel").as_bytes(), b"\xF6scht\n"].concat();
    let answer = world.offboard(&["find", &id, "--output", "json"]).row()["machine"].clone();
    let answer = format!("{{\n \"value\": [\n{answer}]\n}}\n");
    for (bytes, note) in [
        (utf16, "read as UTF-16"),
        (windows, "read as Windows-1252"),
        (answer.into_bytes(), "read 1 row, 1 machine"),
    ] {
        let file = world.path("machines");
        fs::write(&file, bytes).unwrap();
        let file = file.display().to_string();
        let args = [
            "run",
            "--from",
            &file,
            "--dry-run",
            "--comment",
            "x",
            "-o",
            "json",
        ];
        let planned = world.offboard(&args);
        assert_eq!(planned.code, 0, "{planned:?}");
        assert!(planned.stderr.contains(note), "{planned:?}");
        assert_eq!(planned.row()["machineId"], id, "{planned:?}");
    }
}
