//! `offboard demo`.

use crate::support::offboard;

#[test]
fn the_demo_shows_one_success_and_two_honest_failures() {
    let outcome = offboard(["demo"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let mut rest = outcome.stdout.as_str();
    for words in [
        "listens on http://127.0.0.1:",
        "Before (preflight)",
        "Onboarded",
        "The plugin is allowed to send only this",
        "/offboard, once, with exactly this comment",
        "\"requestorComment\": \"Retired, INC-1234\"",
        "\"status\": \"Pending\"",
        "Pending",
        "Succeeded",
        "inactive after 7 days",
        "ResourceNotFound",
        "tracking id",
        "adopts the first: accepted",
        "was already in progress",
        "To try each step yourself",
        "offboard simulate",
    ] {
        let (_, after) = rest
            .split_once(words)
            .unwrap_or_else(|| panic!("{words:?} is missing or not in order: {outcome:?}"));
        rest = after;
    }
    assert_eq!(outcome.stderr, "");
}
