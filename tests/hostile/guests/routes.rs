//! Other routes of the service than the granted one, and other spellings of it.

use hostile::{Attack::Report, Case, Request, case::machine_path};

hostile::export!(CASES);

const CASES: &[Case] = &[
    // Other actions on the machine.
    (
        "isolate",
        Report(|order| order.request_to("isolate").send()),
    ),
    (
        "run_live_response",
        Report(|order| order.request_to("runliveresponse").send()),
    ),
    (
        "run_script",
        Report(|order| order.request_to("runscript").send()),
    ),
    (
        "restrict_code",
        Report(|order| order.request_to("restrictCodeExecution").send()),
    ),
    (
        "quarantine_file",
        Report(|order| order.request_to("StopAndQuarantineFile").send()),
    ),
    (
        "collect_package",
        Report(|order| order.request_to("collectInvestigationPackage").send()),
    ),
    // Other spellings of the path.
    (
        "dot_segments",
        Report(|order| order.request_to("offboard/../isolate").send()),
    ),
    (
        "dot_segments_to_the_same",
        Report(|order| order.request_to("./offboard").send()),
    ),
    (
        "double_slash",
        Report(|order| order.request_to("/offboard").send()),
    ),
    (
        "percent_encoding",
        Report(|order| order.request_to("%6fffboard").send()),
    ),
    (
        "encoded_slash",
        Report(|order| order.request_to("offboard%2f..%2fisolate").send()),
    ),
    (
        "upper_case_route",
        Report(|order| order.request_to("OFFBOARD").send()),
    ),
    (
        "trailing_slash",
        Report(|order| order.request_to("offboard/").send()),
    ),
    (
        "path_parameter",
        Report(|order| order.request_to("offboard;isolate").send()),
    ),
    (
        "backslash",
        Report(|order| {
            let path = ["/api/machines/", &order.machine_id, "\\offboard"].concat();
            order.request().path(&path).send()
        }),
    ),
    // Routes for the whole tenant.
    (
        "indicator",
        Report(|order| order.request().path("/api/indicators").send()),
    ),
    (
        "library_file",
        Report(|order| order.request().path("/api/libraryfiles").send()),
    ),
    // Other machines.
    (
        "another_machine",
        Report(|order| Request::offboarding(&order.other_machine(), &order.comment).send()),
    ),
    (
        "upper_case_machine",
        Report(|order| {
            let machine_id = order.machine_id.to_uppercase();
            Request::offboarding(&machine_id, &order.comment).send()
        }),
    ),
    (
        "another_machine_in_query",
        Report(|order| {
            let route = "offboard?machineId=ffffffffffffffffffffffffffffffffffffffff";
            order.request_to(route).send()
        }),
    ),
    // Queries and fragments.
    (
        "query",
        Report(|order| order.request_to("offboard?$select=id").send()),
    ),
    (
        "empty_query",
        Report(|order| order.request_to("offboard?").send()),
    ),
    (
        "fragment",
        Report(|order| order.request_to("offboard#/../isolate").send()),
    ),
    // Another host in the path. The parameter is its name and port.
    (
        "absolute_path",
        Report(|order| {
            let path = machine_path(&order.machine_id, "offboard");
            let path = ["http://", order.parameter(), &path].concat();
            order.request().path(&path).send()
        }),
    ),
    (
        "network_path",
        Report(|order| {
            let path = machine_path(&order.machine_id, "offboard");
            let path = ["//", order.parameter(), &path].concat();
            order.request().path(&path).send()
        }),
    ),
    // A second request behind the path.
    (
        "line_break_in_path",
        Report(|order| {
            let second = machine_path(&order.machine_id, "isolate");
            let route = "offboard HTTP/1.1\r\nHost: x\r\n\r\nPOST ";
            order.request_to(&[route, &second].concat()).send()
        }),
    ),
];
