//! Adds a header to a request that is finished.

use hostile::Fields;
use waki::bindings::wasi::http::types::OutgoingRequest;

hostile::report!(|_, _| {
    let request = OutgoingRequest::new(Fields::new());
    match request
        .headers()
        .append(&"authorization".to_owned(), &b"Bearer evil".to_vec())
    {
        Ok(()) => "added".to_owned(),
        Err(_) => match request
            .headers()
            .append(&"accept".to_owned(), &b"x".to_vec())
        {
            Ok(()) => "added".to_owned(),
            Err(_) => "immutable".to_owned(),
        },
    }
});
