#![allow(clippy::unwrap_used)]
use std::fs;

use super::*;

const JWT: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJhdWQiOiJodHRwczovL2FwaSJ9.c2lnbmF0dXJl";
const CLIENT_SECRET: &str = "abc8Q~xyzXYZ0123456789abcdefABCDEF-._~ab";
const BASE64: &str = "q7Vh2Lk9+Zr4/Tn1Xw8Pd3Gs6Bm0Yc5Jf2Ka7Ue==";

#[test]
fn a_token_or_a_client_secret_is_recognised_anywhere() {
    for text in [
        JWT.to_owned(),
        JWT[..40].to_owned(),
        format!("./{JWT}"),
        format!("Bearer {JWT}"),
        CLIENT_SECRET.to_owned(),
        format!("secret={CLIENT_SECRET}"),
    ] {
        assert!(has_token(&text), "{text}");
        assert_eq!(
            check("--x", &text).unwrap_err(),
            MisplacedSecret("--x".to_owned())
        );
    }
    for text in [
        "",
        "eyJ",
        "Q~",
        "8Q~short",
        "eyJack retired, INC-1234",
        "é8Q~",
    ] {
        assert!(!has_token(text), "{text}");
        assert!(check("--x", text).is_ok());
    }
}

#[test]
fn a_secret_is_shown_neither_as_a_name_nor_as_a_value() {
    for secret in [
        JWT,
        CLIENT_SECRET,
        BASE64,
        "k3J9x0Qm2Lp7Vt5Z",
        "/k3J9x0Qm2L/p7Vt5Zk3J9x0Q",
        "P4$sW0rd!x9#Kq2z",
        "abcdefghijklmnopqrstuvwxyzabcdefgh",
    ] {
        for shown in [path(Path::new(secret)), secret_path(Path::new(secret))] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
            assert!(shown.starts_with("[hidden: "), "{secret}: {shown}");
        }
        if secret.starts_with(char::is_lowercase) && secret.len() == 34 {
            continue;
        }
        let message = format!("error: invalid value '{secret}' for '--auth <HOW>'");
        for shown in [value(secret).into_owned(), words(&message)] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
    }
}

#[test]
fn ordinary_names_and_values_are_shown() {
    for name in [
        "token",
        "no-such-file",
        "/var/lib/offboard/Production-Tenant-2024/ledger.db",
        "C:\\Users\\Someone\\Documents\\offboard.toml",
        "./audit.jsonl",
        "retired-2024-11-27_Frankfurt.csv",
        "offboarding-report-for-ticket-INC0012345.html",
        "/dev/full",
    ] {
        assert_eq!(path(Path::new(name)), name);
    }
    for text in [
        "contoso.onmicrosoft.com",
        "11111111-2222-3333-4444-555555555555",
        "0123456789abcdef0123456789abcdef01234567",
        "laptop-7.example.test",
        "DESKTOP-4F2K9QX.corp.contoso.test",
        "WIN-8Q4K2L9X7M3.corp.contoso.test",
        "web-6f7d9c8b5d-x2k9q",
        "2024-11-27T10:00Z",
        "20241127T100000Z",
        "https://api.securitycenter.microsoft.com",
        "Retired, INC-1234",
        "managed-identity",
        "memory=64MiB",
        "100/60s,1500/1h",
        "10.0.0.0/8",
    ] {
        assert_eq!(value(text), text);
        assert_eq!(
            words(&format!("what {text}: (is)")),
            format!("what {text}: (is)")
        );
    }
}

#[test]
fn only_ordinary_words_and_references_of_a_file_are_shown() {
    for text in [
        "name",
        "Device ID",
        "Last seen (UTC)",
        "computerDnsName",
        "laptop-7.example.test",
        "DESKTOP-4F2K9QX",
        "0123",
        "1h30m",
        "N/A",
        "john's laptop",
        "user@contoso.com",
        "laptop-7.example.test/",
        "srv01,srv02",
        "11111111-2222-3333-4444-555555555555",
        "0123456789abcdef0123456789abcdef01234567",
    ] {
        assert_eq!(cell(text), text);
    }
    for text in [
        JWT,
        CLIENT_SECRET,
        BASE64,
        "hunter2",
        "Admin@123",
        "Welcome@2026",
        "Pass@word1",
        "P@ssword",
        "sa@Password",
        "scott/tiger@ORCL",
        "admin/Winter",
        "root/toor",
        "Summer,2026",
        "Summer2024!",
        "Summer2024",
        "pass=word",
        "user/hunter2",
        "Summer,2024!",
        "https://user:monkey@example.test",
        "https://a.test/?sig=x",
        "9f86d081884c7d659a2feaa0c55ad015",
        "0123456789abcdef0123456789abcdef012345678",
        "correct horse battery staple and many more words",
        "a\nb",
    ] {
        assert!(cell(text).starts_with("[hidden: "), "{text}");
    }
}

#[test]
fn a_short_password_in_place_of_its_file_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    for password in ["hunter2", "Summer2024!", "pass/word", "correct horse"] {
        assert!(secret_path(Path::new(password)).starts_with("[hidden: "));
        let anchored = secret_path(&folder.path().join(password));
        assert!(!anchored.contains(password), "{anchored}");
        assert!(anchored.contains("write it into a file"), "{anchored}");
    }
    let anchored = secret_path(&folder.path().join("hunter2"));
    assert!(anchored.starts_with(folder.path().to_str().unwrap()));
    // Masked regardless of its form.
    for password in [
        "one",
        "monkey",
        "clients-secret",
        "mypassword",
        "my.password",
        "correct.token",
        "certain",
        "hunter2.key",
        ".txt",
        "secrets/client",
        "hunter2/client.txt",
        "/no-such-folder/tokens",
    ] {
        let shown = secret_path(Path::new(password));
        assert!(shown.starts_with("[hidden: "), "{shown}");
        let anchored = secret_path(&folder.path().join(password.trim_start_matches('/')));
        let secret = format!("{}: ", password.trim_start_matches('/'));
        assert!(
            !anchored.contains(&secret) && anchored.contains("[hidden: "),
            "{anchored}"
        );
    }
    assert_eq!(secret_path(Path::new("Contoso.pfx")), "Contoso.pfx");
    let file = folder.path().join("client-2024.txt");
    assert_eq!(secret_path(&file), file.to_str().unwrap());
}

#[test]
fn the_file_of_a_secret_that_does_not_exist_is_named() {
    for name in [
        "token.txt",
        "./token.txt",
        "token.json",
        "my_token.txt",
        "token-prod-2.txt",
        "secrets/token.txt",
        "~/.azure/token.txt",
        "/no-such-folder/token.txt",
        "../secrets/contoso/client.pem",
        "token",
        "target/token",
        "./client-secret",
    ] {
        assert_eq!(secret_path(Path::new(name)), name);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("no-such-folder/token.txt");
    assert_eq!(secret_path(&file), file.to_str().unwrap());
    // What looks like a secret is not a name, wherever it stands.
    for secret in [
        format!("{JWT}.txt"),
        format!("{JWT}/token.txt"),
        format!("{BASE64}/token.txt"),
        "P4$sW0rd/token.txt".to_owned(),
    ] {
        let shown = secret_path(Path::new(&secret));
        assert!(shown.starts_with("[hidden: "), "{secret}: {shown}");
    }
}

#[test]
fn an_id_for_the_support_is_shown() {
    for text in [
        "[tracking id |00-8b42f155105c4461b255a3193f6b6242-993e812cdb874220-01.]",
        "failed |00-8b42f155105c4461b255a3193f6b6242-993e812cdb874220-01.",
        "[tracking id 0HN4O6V3aB9dE:00000001]",
        "Trace ID: 0aac4656-4d7c-4ed6-ac9c-8fc223017119 Correlation ID: \
         9d730595-4a24-4ad6-8de9-1da29a5f91cc",
        "Request ID: k3J9x0Qm2Lp7Vt5Zk3J9x0Q",
    ] {
        assert_eq!(words(text), text);
    }
    for secret in [JWT, CLIENT_SECRET] {
        assert!(!words(&format!("[tracking id {secret}]")).contains(secret));
    }
    assert_ne!(
        words("the id k3J9x0Qm2Lp7Vt5Zk3J9x0Q"),
        "the id k3J9x0Qm2Lp7Vt5Zk3J9x0Q"
    );
}

#[test]
fn a_password_with_an_at_sign_is_not_shown() {
    for text in ["Admin@123", "P@ssw0rd", "Welcome@2026"] {
        assert!(value(text).starts_with("[hidden: "), "{text}");
    }
    for text in ["user1@contoso.com", "ada@example.com"] {
        assert_eq!(value(text), text);
    }
}

#[test]
fn a_password_in_place_of_a_tenant_is_not_shown() {
    for text in [
        "Summer2024!",
        "Summer2024",
        "hunter2",
        "pass=word",
        JWT,
        BASE64,
    ] {
        assert!(identifier(text).starts_with("[hidden: "), "{text}");
    }
    assert!(value("Summer2024!").starts_with("[hidden: "));
    for text in [
        "common",
        "contoso365.onmicrosoft.com",
        "11111111-2222-3333-4444-555555555555",
        "object:11111111-2222-3333-4444-555555555555",
        "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/one",
        "system",
    ] {
        assert_eq!(identifier(text), text);
    }
}

#[test]
fn a_file_that_exists_is_shown_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["hunter2", CLIENT_SECRET, "k3J9x0Qm2Lp7Vt5Zk3J9x0Q"] {
        let file = folder.path().join(name);
        fs::write(&file, "").unwrap();
        let text = file.to_str().unwrap();
        assert_eq!(path(&file), text);
        assert_eq!(secret_path(&file), text);
        assert_eq!(words(text), text);
        assert!(check("--x", text).is_ok());
        fs::remove_file(&file).unwrap();
        assert_ne!(secret_path(&file), text);
    }
}

#[test]
fn a_url_is_shown_without_its_secrets() {
    for (url, shown) in [
        (
            "https://user:hunter2@api.example.com/x",
            "https://[hidden: 12 characters]@api.example.com/x",
        ),
        (
            "http://user:pass/word@api.example.com",
            "http://[hidden: 14 characters]@api.example.com",
        ),
        (
            "https://a.test/x?tid=1&sig=abc%2B#code=9",
            "https://a.test/x?tid=1&sig=[hidden: 6 characters]#code=[hidden: 1 characters]",
        ),
    ] {
        assert_eq!(value(url), shown);
        assert_eq!(words(&format!("'{url}'")), format!("'{shown}'"));
    }
}

#[test]
fn a_password_in_place_of_a_file_is_hidden() {
    for text in ["Summer2026!", "./Summer2026!", "no-such-folder/P4ssw0rd$"] {
        let shown = path(Path::new(text));
        assert!(shown.contains("[hidden: "), "{text}: {shown}");
    }
    assert_eq!(path(Path::new("machines-2026.csv")), "machines-2026.csv");
}
