#![allow(clippy::unwrap_used)]
use super::*;

const ID: &str = "0123456789abcdef0123456789abcdef01234567";

fn facts() -> Facts {
    Facts {
        name: Some("AMS-dc-01.corp.test".to_owned()),
        tags: Some(vec!["Retire".to_owned(), "Lab ".to_owned()]),
        group: Some("Servers".to_owned()),
        value: Some("High".to_owned()),
        last_seen: Some("2026-11-01T00:00:00Z".parse().unwrap()),
    }
}

fn objects(change: impl FnOnce(&mut Policy), facts: Option<&Facts>) -> Option<Objection> {
    let mut policy = Policy::default();
    change(&mut policy);
    let now = "2026-11-24T00:00:00Z".parse().unwrap();
    policy.objection(&ID.parse().unwrap(), facts, now)
}

#[test]
fn an_objection_names_its_rule_once() {
    let day = Duration::from_secs(24 * 3600);
    let seen = |least| Objection::Seen("2026-11-01T00:00:00Z".parse().unwrap(), least).to_string();
    for (objection, end) in [
        (seen(day * 30), "`not-seen-for` is 30 days"),
        (seen(day), "`not-seen-for` is 1 day"),
        (seen(day / 24 * 5), "`not-seen-for` is 5h"),
        (
            Objection::Share(3, 10, 1).to_string(),
            "`largest-share`: 3 of 10 machines are more than 1 % of the fleet",
        ),
    ] {
        assert!(objection.ends_with(end), "{objection}");
        assert_eq!(objection.matches('`').count(), 2, "{objection}");
    }
}

fn pattern(text: &str) -> Vec<Pattern> {
    vec![Pattern::new(text).unwrap()]
}

fn words(text: &str) -> Vec<String> {
    vec!["nothing of that".to_owned(), text.to_owned()]
}

#[test]
fn without_rules_everything_may_be_offboarded() {
    assert_eq!(objects(|_| {}, Some(&facts())), None);
    assert_eq!(objects(|_| {}, Some(&Facts::default())), None);
    assert_eq!(objects(|_| {}, None), None);
}

#[test]
fn each_rule_speaks_against_the_machines_that_it_means() {
    let other = "1".repeat(40).parse().unwrap();
    let known = Some(facts());
    let known = known.as_ref();
    assert_eq!(
        objects(
            |policy| policy.never = vec![other, ID.parse().unwrap()],
            known
        ),
        Some(Objection::Never)
    );
    for fits in [
        "ams-DC-*",
        "ams-dc-01",
        "AMS-dc-0?",
        "*.corp.test",
        "*.corp.test.",
        "ams-dc-0?.corp.test",
        "*",
    ] {
        let objection = objects(|policy| policy.never_names = pattern(fits), known);
        assert_eq!(objection, Some(Objection::Name(fits.to_owned())), "{fits}");
    }
    for other in [
        "dc-*",
        "ams-dc",
        "*.corp",
        "ams-dc-01.corp",
        "ams-dc-?.corp.test",
    ] {
        let objection = objects(|policy| policy.never_names = pattern(other), known);
        assert_eq!(objection, None, "{other}");
    }
    let far = Facts {
        name: Some("BÜRO-1.corp.test.".to_owned()),
        ..facts()
    };
    for fits in ["büro*", "büro-1.corp.test", "*.CORP.test"] {
        let objection = objects(|policy| policy.never_names = pattern(fits), Some(&far));
        assert_eq!(objection, Some(Objection::Name(fits.to_owned())), "{fits}");
    }
    let tag = |tag: &str| objects(|policy| policy.never_tags = words(tag), known);
    assert_eq!(tag("lab"), Some(Objection::Tag("lab".to_owned())));
    assert_eq!(tag("la"), None);
    let group = |group: &str| objects(|policy| policy.never_groups = words(group), known);
    assert_eq!(
        group("servers"),
        Some(Objection::Group("servers".to_owned()))
    );
    assert_eq!(group("Laptops"), None);
    let value = |value: &str| objects(|policy| policy.never_values = words(value), known);
    assert_eq!(value("high"), Some(Objection::Value("high".to_owned())));
    assert_eq!(value("Low"), None);
    let required = |tag: &str| objects(|policy| policy.required_tag = Some(tag.to_owned()), known);
    assert_eq!(required("retire"), None);
    assert_eq!(required("gone"), Some(Objection::NoTag("gone".to_owned())));
    let unseen = |days: u64| {
        let least = Duration::from_secs(days * 24 * 3600);
        objects(|policy| policy.not_seen_for = Some(least), known)
    };
    assert_eq!(unseen(23), None);
    assert!(matches!(unseen(24), Some(Objection::Seen(..))));
}

#[test]
fn what_is_not_known_is_not_taken_for_allowed() {
    let nothing = Facts::default();
    for known in [Some(&nothing), None] {
        for change in [
            (|policy| policy.never_names = pattern("dc-*")) as fn(&mut Policy),
            |policy| policy.never_tags = words("keep"),
            |policy| policy.never_groups = words("Servers"),
            |policy| policy.never_values = words("High"),
            |policy| policy.not_seen_for = Some(Duration::from_secs(1)),
        ] {
            let objection = objects(change, known);
            assert!(
                matches!(objection, Some(Objection::Unknown(_))),
                "{objection:?}"
            );
        }
        assert!(objects(|policy| policy.required_tag = Some("x".to_owned()), known).is_some());
    }
    assert!(objects(|policy| policy.never_tags = words("Lab"), None).is_some());
    // The rule needs only the machine's id.
    let other = || vec!["1".repeat(40).parse().unwrap()];
    assert_eq!(objects(|policy| policy.never = other(), None), None);
    // If the clock is behind, a machine does not count as older.
    let future = Facts {
        last_seen: Some("2027-01-01T00:00:00Z".parse().unwrap()),
        ..Facts::default()
    };
    let least = Some(Duration::from_secs(1));
    assert!(objects(|policy| policy.not_seen_for = least, Some(&future)).is_some());
}
