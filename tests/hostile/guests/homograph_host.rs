//! Writes the service's host with a letter that looks the same.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .authority("loc\u{430}lhost:80")
        .send()
});
