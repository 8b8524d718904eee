//! Other requests with the grants of functions that read or cancel.

use hostile::{
    Attack::{CancelAction, GetMachine, ListMachines},
    Case, Request, case,
};

hostile::export!(CASES);

const CASES: &[Case] = &[
    (
        "machine_offboarded",
        GetMachine(|machine_id| Request::offboarding(machine_id, "Retired").send()),
    ),
    (
        "machine_with_a_body",
        GetMachine(|machine_id| read_machine(machine_id).body("{}").send()),
    ),
    (
        "another_machine",
        GetMachine(|machine_id| read_machine(&case::other(machine_id)).send()),
    ),
    (
        "list_with_an_odd_query",
        ListMachines(|_| Request::read("/api/machines?machineId=1").send()),
    ),
    // A parameter behind one that is permitted.
    (
        "list_with_a_hidden_query",
        ListMachines(|limit| {
            let path = [&list(limit), "&api-version=2"].concat();
            Request::read(&path).send()
        }),
    ),
    (
        "list_with_a_huge_query",
        ListMachines(|_| {
            let path = ["/api/machines?$filter=", &"x".repeat(60_000)].concat();
            Request::read(&path).send()
        }),
    ),
    (
        "list_with_a_body",
        ListMachines(|limit| Request::read(&list(limit)).body("{}").send()),
    ),
    (
        "list_of_alerts",
        ListMachines(|_| Request::read("/api/alerts").send()),
    ),
    (
        "cancellation_that_offboards",
        CancelAction(|comment| {
            let machine_id = "0123456789abcdef0123456789abcdef01234567";
            Request::offboarding(machine_id, comment).send()
        }),
    ),
];

fn read_machine(machine_id: &str) -> Request {
    Request::read(&["/api/machines/", machine_id].concat())
}

/// The path and query of a page of machines, as ordered.
fn list(limit: u32) -> String {
    format!("/api/machines?$top={limit}")
}
