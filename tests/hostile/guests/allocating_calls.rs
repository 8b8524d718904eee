//! Has the host make a text, without end.

use hostile::connection;

hostile::report!(|_, _| {
    loop {
        std::hint::black_box(connection::api_root());
    }
});
