//! Writes a body until the host has enough.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    let asked = match Ask::ordered(&machine_id, &comment).start() {
        Ok(asked) => asked,
        Err(told) => return told,
    };
    let spaces = vec![b' '; 4096];
    if let Ok(stream) = asked.body.write() {
        while hostile::ask::write(&stream, &spaces).is_ok() {}
    }
    asked.finish(&[])
});
