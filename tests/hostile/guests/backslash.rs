//! Writes a slash the other way round.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    let path = ["/api/machines/", &machine_id, "\\offboard"].concat();
    Ask::ordered(&machine_id, &comment).path(&path).send()
});
