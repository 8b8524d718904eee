//! Other requests with the grant of a tag, and a tag with the grant of an offboarding.

use hostile::{
    Attack::{Report, Tag},
    Case, Request, TagOrder,
};

hostile::export!(CASES);

const CASES: &[Case] = &[
    (
        "tag_that_offboards",
        Tag(|order| Some(Request::offboarding(&order.machine_id, &order.tag).send())),
    ),
    (
        "another_machine",
        Tag(|order| Some(Request::tagging(&order.other_machine(), &order.tag).send())),
    ),
    (
        "another_tag",
        Tag(|order| Some(Request::tagging(&order.machine_id, "Trusted").send())),
    ),
    (
        "removes_the_tag",
        Tag(|order| Some(with_rest(order, r#"","Action":"Remove"}"#))),
    ),
    // A member that another route has.
    (
        "more_machines",
        Tag(|order| {
            let other = order.other_machine();
            let rest = [r#"","Action":"Add","MachineIds":[""#, &other, r#""]}"#];
            Some(with_rest(order, &rest.concat()))
        }),
    ),
    (
        "tags_twice",
        Tag(|order| {
            let first = order.request().send();
            Some([first, order.request().send()].join("\n--\n"))
        }),
    ),
    // Sends nothing.
    ("claims_a_tag", Tag(|_| None)),
    (
        "offboarding_that_tags",
        Report(|order| Request::tagging(&order.machine_id, &order.comment).send()),
    ),
];

/// The ordered request, with this behind the tag in its body.
fn with_rest(order: &TagOrder, rest: &str) -> String {
    let body = [r#"{"Value":""#, &order.tag, rest].concat();
    order.request().body(&body).send()
}
