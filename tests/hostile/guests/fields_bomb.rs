//! Keeps two thousand header lists.

use hostile::Fields;

hostile::report!(|_, _| {
    let mut kept = Vec::new();
    for _ in 0..2000 {
        let fields = Fields::new();
        let _ = fields.append(&"accept".to_owned(), &vec![b'a'; 16_000]);
        kept.push(fields);
    }
    "kept".to_owned()
});
