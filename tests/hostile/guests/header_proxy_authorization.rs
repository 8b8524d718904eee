//! Speaks to a proxy on the way.

use hostile::Ask;

hostile::report!(|machine_id, comment| {
    Ask::ordered(&machine_id, &comment)
        .header("proxy-authorization", "Basic ZXZpbDpldmls")
        .send()
});
