//! Sends thousands of headers.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    let mut ask = Ask::ordered(&machine_id, &comment);
    for _ in 0..20_000 {
        ask = ask.header("accept", "application/json");
    }
    ask.send()
});
