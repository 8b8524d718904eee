//! Writes more than the host has room for.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    match Ask::ordered(&machine_id, &comment).start() {
        Ok(asked) => {
            if let Ok(stream) = asked.body.write() {
                while stream.write(&[b' '; 8192]).is_ok() {}
            }
            asked.finish(&[])
        }
        Err(told) => told,
    }
});
