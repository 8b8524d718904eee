//! Attempts to use up time, memory, stack, handles and the host's memory.

use std::hint::black_box;

use hostile::{
    ActionStatus,
    Attack::{Report, Return},
    Case, Fields, MachineAction, OffboardError, Order, OutgoingRequest, action, connection,
    monotonic_clock, poll,
};

hostile::export!(CASES);

const CASES: &[Case] = &[
    ("endless_loop", Report(endless_loop)),
    (
        "cheap_calls",
        Report(|_| {
            loop {
                black_box(monotonic_clock::now());
            }
        }),
    ),
    // The host allocates a text for each call.
    (
        "allocating_calls",
        Report(|_| {
            loop {
                black_box(connection::api_root());
            }
        }),
    ),
    (
        "endless_loop_after_sending",
        Report(|order| {
            let mut report = order.request().send();
            loop {
                report = black_box(report);
            }
        }),
    ),
    (
        "waits_for_centuries",
        Report(|_| {
            monotonic_clock::subscribe_duration(u64::MAX).block();
            "over".to_owned()
        }),
    ),
    ("polls_for_centuries", Report(polls_for_centuries)),
    ("memory_bomb", Report(memory_bomb)),
    ("deep_recursion", Report(deep_recursion)),
    ("pollable_bomb", Report(pollable_bomb)),
    ("fields_bomb", Report(fields_bomb)),
    ("request_bomb", Report(request_bomb)),
    ("host_data_bomb", Report(host_data_bomb)),
    ("huge_path", Report(huge_path)),
    // One pollable, a million times.
    (
        "polls_a_huge_list",
        Report(|_| {
            let one = monotonic_clock::subscribe_duration(u64::MAX);
            poll::poll(&vec![&one; 1 << 20]);
            "over".to_owned()
        }),
    ),
    (
        "polls_nothing",
        Report(|_| {
            poll::poll(&[]);
            "over".to_owned()
        }),
    ),
    // Writes without checking how much the host accepts.
    (
        "writes_without_checking",
        Report(|order| {
            order.request().start_then(|started| {
                if let Ok(stream) = started.body.write() {
                    while stream.write(&[b' '; 8192]).is_ok() {}
                }
                started.finish(&[])
            })
        }),
    ),
    ("huge_strings", Return(huge_strings)),
    ("huge_list", Return(huge_list)),
];

fn endless_loop(_: &Order) -> String {
    let mut count = 0_u64;
    loop {
        count = black_box(count.wrapping_add(1));
    }
}

/// Waits for the first of many pollables, all of them in the far future.
fn polls_for_centuries(_: &Order) -> String {
    let all: Vec<_> = (0..20)
        .map(|_| monotonic_clock::subscribe_duration(u64::MAX))
        .collect();
    let list: Vec<_> = all.iter().collect();
    poll::poll(&list);
    "over".to_owned()
}

/// Allocates two hundred megabytes, one at a time.
fn memory_bomb(_: &Order) -> String {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for _ in 0..200 {
        kept.push(vec![1; 1 << 20]);
        black_box(&kept);
    }
    "allocated".to_owned()
}

/// Calls itself until the stack is used up.
fn deep_recursion(_: &Order) -> String {
    let sum = deeper(&mut [0; 16]);
    "x".repeat(usize::try_from(sum % 3).unwrap_or(0))
}

// On purpose: the host ends it.
#[allow(unconditional_recursion)]
fn deeper(depth: &mut [u64; 16]) -> u64 {
    let mut next = *depth;
    next[0] += 1;
    black_box(deeper(black_box(&mut next))) + next[1]
}

/// Keeps two thousand pollables.
fn pollable_bomb(_: &Order) -> String {
    let mut kept = Vec::new();
    for _ in 0..2000 {
        kept.push(monotonic_clock::subscribe_duration(u64::MAX));
    }
    "kept".to_owned()
}

/// Keeps two thousand lists of headers.
fn fields_bomb(_: &Order) -> String {
    let mut kept = Vec::new();
    for _ in 0..2000 {
        let fields = Fields::new();
        let _ = fields.append(&"accept".to_owned(), &vec![b'a'; 16_000]);
        kept.push(fields);
    }
    "kept".to_owned()
}

/// Keeps two thousand requests that are started.
fn request_bomb(order: &Order) -> String {
    let mut kept = Vec::new();
    for _ in 0..2000 {
        kept.push(order.request().start());
    }
    "kept".to_owned()
}

/// Passes one list of headers that exceeds the limit of the host's data.
fn host_data_bomb(_: &Order) -> String {
    let value = vec![b'a'; 1 << 20];
    // One megabyte, seventy times: little memory in the guest, much in the host.
    let entry = ("accept".to_owned(), value);
    let list = vec![entry; 70];
    match Fields::from_list(&list) {
        Ok(_) => "accepted".to_owned(),
        Err(_) => "refused".to_owned(),
    }
}

/// Passes a path of seventy megabytes.
fn huge_path(_: &Order) -> String {
    let request = OutgoingRequest::new(Fields::new());
    match request.set_path_with_query(Some(&"/".repeat(70 << 20))) {
        Ok(()) => "accepted".to_owned(),
        Err(()) => "refused".to_owned(),
    }
}

/// Returns megabytes in each text of an action.
fn huge_strings(order: &Order) -> Result<MachineAction, OffboardError> {
    let long = || Some("x".repeat(8 << 20));
    let mut action = action(order, ActionStatus::Pending);
    action.title = long();
    action.requestor = long();
    action.error = long();
    action.computer_dns_name = long();
    action.scope = long();
    action.external_id = long();
    action.request_source = long();
    action.troubleshoot_info = long();
    action.cancellation_comment = long();
    Ok(action)
}

/// Returns millions of texts. Each is empty here, and three words in the host.
fn huge_list(order: &Order) -> Result<MachineAction, OffboardError> {
    let mut action = action(order, ActionStatus::Pending);
    action.commands = vec![String::new(); 4 << 20];
    Ok(action)
}
