//! Windows error codes (HRESULT) in words. The service returns the code with which an action
//! failed on the device; it does not document its meaning. The names are those of Windows
//! (winerror.h, and Microsoft's list of HTTP status codes for facility 25).

/// The facility of HTTP statuses.
const HTTP: u32 = 0x8019;
/// The facility of errors of Windows.
const WINDOWS: u32 = 0x8007;

/// An error code in words: its digits, and its meaning if that is known.
pub(super) fn in_words(code: i64) -> String {
    // The service writes the 32 bits as a signed number.
    let bits = (code & 0xffff_ffff) as u32;
    match meaning(bits) {
        Some(meaning) => format!("error 0x{bits:08X} ({meaning})"),
        None => format!("error 0x{bits:08X}"),
    }
}

fn meaning(bits: u32) -> Option<String> {
    let (facility, code) = (bits >> 16, bits & 0xffff);
    let known = match (facility, code) {
        (0x8000, 0x4001) => "not implemented",
        (0x8000, 0x4004) => "aborted",
        (0x8000, 0x4005) => "unspecified error",
        (0x8000, 0xffff) => "unexpected failure",
        (WINDOWS, 2) => "file not found",
        (WINDOWS, 3) => "path not found",
        (WINDOWS, 5) => "access denied",
        (WINDOWS, 0x0e) => "out of memory",
        (WINDOWS, 0x15) => "the device is not ready",
        (WINDOWS, 0x1f) => "a device does not function",
        (WINDOWS, 0x20) => "the file is in use",
        (WINDOWS, 0x32) => "not supported",
        (WINDOWS, 0x57) => "invalid parameter",
        (WINDOWS, 0x70) => "disk full",
        (WINDOWS, 0x79) => "timeout",
        (WINDOWS, 0x41d) => "the service did not respond in time",
        (WINDOWS, 0x420) => "the service is already running",
        (WINDOWS, 0x422) => "the service is disabled",
        (WINDOWS, 0x424) => "the service does not exist",
        (WINDOWS, 0x425) => "the service cannot accept commands now",
        (WINDOWS, 0x426) => "the service has not been started",
        (WINDOWS, 0x42c) => "a dependency of the service did not start",
        (WINDOWS, 0x490) => "element not found",
        (WINDOWS, 0x4c7) => "cancelled by the user",
        (WINDOWS, 0x4ec) => "blocked by a policy",
        (WINDOWS, 0x522) => "a required privilege is missing",
        (WINDOWS, 0x5b4) => "timeout",
        (WINDOWS, 0x643) => "the installation failed",
        (WINDOWS, 0x652) => "another installation is in progress",
        (WINDOWS, 0x2ee2) => "the connection timed out",
        (WINDOWS, 0x2ee7) => "the name of the server cannot be resolved",
        (WINDOWS, 0x2efd) => "the server cannot be reached",
        (WINDOWS, 0x2efe) => "the connection was aborted",
        (WINDOWS, 0x2f8f) => "the TLS connection failed",
        (HTTP, 0x198) => "HTTP 408, request timeout",
        (HTTP, status @ 100..=599) => return Some(format!("HTTP {status}")),
        _ => return None,
    };
    Some(known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_shown_as_windows_writes_it() {
        for (code, words) in [
            (-2_147_024_891, "error 0x80070005 (access denied)"),
            (2_147_942_405, "error 0x80070005 (access denied)"),
            (-2_147_467_260, "error 0x80004004 (aborted)"),
            (
                -2_145_844_840,
                "error 0x80190198 (HTTP 408, request timeout)",
            ),
            (-2_145_844_745, "error 0x801901F7 (HTTP 503)"),
            (-1, "error 0xFFFFFFFF"),
            (7, "error 0x00000007"),
        ] {
            assert_eq!(in_words(code), words);
        }
    }
}
