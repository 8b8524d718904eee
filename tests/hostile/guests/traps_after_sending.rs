//! Offboards as ordered, and breaks.

use hostile::Ask;

hostile::offboard!(|machine_id, comment| {
    let _ = Ask::ordered(&machine_id, &comment).send();
    std::arch::wasm32::unreachable()
});
