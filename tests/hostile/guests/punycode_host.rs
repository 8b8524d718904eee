//! Writes a host that is shown with a letter that looks the same.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .authority("xn--loclhost-2fg:80")
        .send()
});
