//! DNS names as people and the service write them: in any case, with or without a final
//! dot, in full or as the first label only.

/// A name in its canonical form, for comparisons.
#[must_use]
pub fn canonical_name(name: &str) -> String {
    name.trim_end_matches('.').to_lowercase()
}

/// The first label of a name.
#[must_use]
pub fn label(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

/// Whether a text refers to the machine with this full name: by that name, or by its
/// first label.
#[must_use]
pub fn refers_to(written: &str, name: &str) -> bool {
    let (written, name) = (canonical_name(written), canonical_name(name));
    written == name || (!written.contains('.') && written == label(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_refers_to_full_names_but_not_vice_versa() {
        for (written, name) in [
            ("pc-1.corp.test", "PC-1.corp.test."),
            ("PC-1", "pc-1.corp.test"),
            ("pc-1", "pc-1"),
            ("BÜRO", "büro.corp.test"),
        ] {
            assert!(refers_to(written, name), "{written} {name}");
        }
        for (written, name) in [
            ("pc-1.corp.test", "pc-1"),
            ("pc-1.corp.test", "pc-1.lab.test"),
            ("pc-1.corp", "pc-1.corp.test"),
            ("pc-1", "pc-10.corp.test"),
            ("", "pc-1"),
        ] {
            assert!(!refers_to(written, name), "{written} {name}");
        }
    }
}
