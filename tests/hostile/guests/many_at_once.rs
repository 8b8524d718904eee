//! Starts eight requests before it waits for one.

use hostile::{Ask, Asked};

hostile::report!(|machine_id, comment| {
    let body = [r#"{"Comment":""#, &comment, r#""}"#].concat();
    let all: Vec<Asked> = (0..8)
        .filter_map(|_| Ask::ordered(&machine_id, &comment).start().ok())
        .collect();
    for asked in &all {
        asked.write(body.as_bytes());
    }
    let told: Vec<String> = all.into_iter().map(|asked| asked.finish(&[])).collect();
    told.join("\n--\n")
});
