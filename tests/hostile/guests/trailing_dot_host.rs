//! Writes the service's host with a dot at its end.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    let ask = Ask::ordered(&machine_id, &comment);
    let authority = ask.authority.replace(':', ".:");
    ask.authority(&authority).send()
});
