//! Other requests with the grant of an offboarding with an external id, and an external id with
//! the grant of an offboarding without one.

use hostile::{
    Attack::{Identify, Report},
    Case, Request,
};

hostile::export!(CASES);

const CASES: &[Case] = &[
    ("as_ordered", Identify(|order| order.request().send())),
    (
        "another_id",
        Identify(|order| order.request_with("of-another-order").send()),
    ),
    (
        "id_in_another_case",
        Identify(|order| order.request_with(&order.external_id.to_uppercase()).send()),
    ),
    (
        "no_id",
        Identify(|order| Request::offboarding(&order.machine_id, &order.comment).send()),
    ),
    (
        "null_id",
        Identify(|order| order.request_ending(r#"","ExternalId":null}"#).send()),
    ),
    // The last of the two is what was ordered.
    (
        "two_ids",
        Identify(|order| {
            let rest = [
                r#"","ExternalId":"forged","ExternalId":""#,
                &order.external_id,
                r#""}"#,
            ];
            order.request_ending(&rest.concat()).send()
        }),
    ),
    // Another member that the service's metadata has.
    (
        "a_title_beside_the_id",
        Identify(|order| {
            let rest = [
                r#"","ExternalId":""#,
                &order.external_id,
                r#"","Title":"forged"}"#,
            ];
            order.request_ending(&rest.concat()).send()
        }),
    ),
    (
        "another_machine_with_the_id",
        Identify(|order| {
            let path = ["/api/machines/", &order.other_machine(), "/offboard"].concat();
            order.request().path(&path).send()
        }),
    ),
    (
        "twice_with_the_id",
        Identify(|order| {
            let first = order.request().send();
            [first, order.request().send()].join("\n--\n")
        }),
    ),
    (
        "id_that_was_not_ordered",
        Report(|order| {
            let body = [r#"{"Comment":""#, &order.comment, r#"","ExternalId":"x"}"#].concat();
            order.request().body(&body).send()
        }),
    ),
];
