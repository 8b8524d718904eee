//! The question before something that is hard to undo.

use dialoguer::Confirm;

/// Asks; no answer is no.
pub(super) fn confirm(question: &str) -> bool {
    Confirm::new()
        .with_prompt(question)
        .default(false)
        .show_default(true)
        .interact_opt()
        .ok()
        .flatten()
        .unwrap_or(false)
}
