//! Hands the host a path of seventy megabytes.

use hostile::Fields;
use waki::bindings::wasi::http::types::OutgoingRequest;

hostile::report!(|_, _| {
    let request = OutgoingRequest::new(Fields::new());
    match request.set_path_with_query(Some(&"/".repeat(70 << 20))) {
        Ok(()) => "taken".to_owned(),
        Err(()) => "refused".to_owned(),
    }
});
