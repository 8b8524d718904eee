//! DNS names as people and the service write them: in any case, with or without
//! the root's dot, and by their first label alone.

/// A name in the one form in which names are compared.
#[must_use]
pub fn plain_name(name: &str) -> String {
    name.trim_end_matches('.').to_lowercase()
}

/// The first label of a name.
#[must_use]
pub fn label(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

/// Whether a machine of this full name is meant by what was written: its name,
/// or its first label.
#[must_use]
pub fn stands_for(written: &str, name: &str) -> bool {
    let (written, name) = (plain_name(written), plain_name(name));
    written == name || (!written.contains('.') && written == label(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_stands_for_the_names_that_begin_with_it_and_not_the_other_way() {
        for (written, name) in [
            ("pc-1.corp.test", "PC-1.corp.test."),
            ("PC-1", "pc-1.corp.test"),
            ("pc-1", "pc-1"),
            ("BÜRO", "büro.corp.test"),
        ] {
            assert!(stands_for(written, name), "{written} {name}");
        }
        for (written, name) in [
            ("pc-1.corp.test", "pc-1"),
            ("pc-1.corp.test", "pc-1.lab.test"),
            ("pc-1.corp", "pc-1.corp.test"),
            ("pc-1", "pc-10.corp.test"),
            ("", "pc-1"),
        ] {
            assert!(!stands_for(written, name), "{written} {name}");
        }
    }
}
