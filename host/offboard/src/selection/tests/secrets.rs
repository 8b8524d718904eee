//! A file with a secret that is passed by mistake.

use super::*;

const JWT: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJhdWQiOiJodHRwczovL2FwaSJ9.c2lnbmF0dXJl";
const CLIENT_SECRET: &str = "abc8Q~xyzXYZ0123456789abcdefABCDEF-._~ab";

/// A file with a token or a password is neither shown nor looked up.
#[test]
fn a_file_with_a_secret_is_not_repeated() {
    for secret in [
        JWT,
        CLIENT_SECRET,
        "q7Vh2Lk9+Zr4/Tn1Xw8Pd3Gs6Bm0Yc5Jf2Ka7Ue==",
        "q7Vh2Lk9Zr4Tn1Xw8Pd3Gs6Bm0Yc5Jf2Ka7Ue",
        "Summer2024!",
        "Summer,2024!",
        "-hunter2",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ] {
        for text in [
            secret.to_owned(),
            format!("# the password\n\n{secret}\r\n"),
            format!("\u{feff}{secret}\n"),
            format!("Bearer {secret}\n"),
            format!("{secret}\n{secret}x\n"),
            format!("PASSWORD={secret}\nx\n"),
            format!("{secret},x\npc-1,y\n"),
            format!("machineId\n{secret}\n"),
            format!("machineId\n{ID}\n{secret}\n"),
            format!("name\n\"{secret}\n\"\n"),
            format!("{{\"name\":\"{secret}!\"}}"),
            format!("{{\"{secret}\":1,\"{secret}\":2}}"),
            format!("{{\"password\":\"{secret}\"}}"),
        ] {
            for found in [
                list(&text),
                by(&text, None, Some("name")),
                by(&text, Some("id"), None),
            ] {
                let Err(error) = found else {
                    assert!(
                        !text.contains(JWT) && !text.contains(CLIENT_SECRET),
                        "{text}"
                    );
                    assert_ne!(text.trim(), secret);
                    continue;
                };
                let faults = match &error {
                    ListError::Lines(faults) => faults.iter().map(ToString::to_string).collect(),
                    _ => String::new(),
                };
                let shown = format!("{error} {faults}");
                for part in [secret, &secret[..6], &secret[secret.len() - 6..]] {
                    // The name of a JSON member is not a value, but a token in it is rejected.
                    assert!(
                        !shown.contains(part) || text.contains("\":1"),
                        "{text}: {shown}"
                    );
                }
            }
        }
        let alone = by(secret, None, Some("name"));
        assert!(
            matches!(alone, Err(ListError::Secret)),
            "{secret}: {alone:?}"
        );
    }
    for header in ["monkey", "hunter2"] {
        let found = by(header, None, Some("name"));
        assert!(matches!(found, Err(ListError::Secret)), "{found:?}");
    }
    // In a list, a secret is not sent as a name or a comment.
    for text in [
        format!("pc-1\n{JWT}\n"),
        format!("name\n{JWT}\n"),
        format!("name,comment\npc-1,see {CLIENT_SECRET}\n"),
    ] {
        assert!(matches!(list(&text), Err(ListError::Lines(_))), "{text}");
    }
    // Text that looks like a reference to a machine is shown.
    for (text, shown) in [
        ("0123", "\"0123\""),
        ("pc-1\n11111111-2222-3333-4444-555555555555", "GUID"),
        ("pc-1\nlaptop 7\n", "\"laptop 7\""),
    ] {
        assert!(faults(text)[0].1.contains(shown), "{:?}", faults(text));
    }
    assert_eq!(machines(list("WIN-8Q4K2L9X7M3\n")), ["WIN-8Q4K2L9X7M3"]);
}
