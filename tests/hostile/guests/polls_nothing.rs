//! Waits for the first of no moments.

use hostile::poll;

hostile::report!(|_, _| {
    poll::poll(&[]);
    "over".to_owned()
});
