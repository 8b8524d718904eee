//! Keeps two thousand requests that are under way.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    let mut kept = Vec::new();
    for _ in 0..2000 {
        kept.push(Ask::ordered(&machine_id, &comment).start());
    }
    "kept".to_owned()
});
