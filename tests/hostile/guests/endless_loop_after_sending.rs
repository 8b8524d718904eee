//! Offboards as ordered, and then computes for ever.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    let mut told = Ask::ordered(&machine_id, &comment).send();
    loop {
        told = std::hint::black_box(told);
    }
});
