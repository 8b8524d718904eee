//! A component, as `docs/schema/component.json` describes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;
use crate::{
    component::Component,
    contract::Function,
    grant::{COUNT, HEADERS, MAX_REQUEST_BODY, Route},
    sandbox::{Limit, Limits, Sandbox},
};

/// The properties of a component, and what a call of it may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "One component: the output of inspect")]
pub struct ComponentInfo {
    /// The component's digest (SHA-256, 64 lower-case hexadecimal digits).
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// The component's size in bytes.
    pub size: usize,
    /// The package and version of the contract that it exports; null without one.
    pub contract: Option<String>,
    /// The imports.
    pub imports: Vec<String>,
    /// The exports.
    pub exports: Vec<String>,
    /// Whether this host can run it.
    pub conforms: bool,
    /// Each import that the contract does not have, and each export that is missing or has another
    /// type.
    pub violations: Vec<String>,
    /// The limits of each call.
    pub limits: Vec<LimitInfo>,
    /// The only requests that a call of each function may send.
    pub grants: Vec<GrantInfo>,
}

/// A limit of each call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LimitInfo {
    /// The limit's name.
    pub name: String,
    /// The current value, in `unit`.
    #[schemars(range(min = 1))]
    pub value: u64,
    /// The highest possible value, in `unit`.
    #[schemars(range(min = 1))]
    pub ceiling: u64,
    /// The unit of `value` and `ceiling`.
    #[schemars(with = "schema::Unit")]
    pub unit: String,
}

/// The requests that a call of a function may send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrantInfo {
    /// The contract's name of the function.
    pub function: String,
    /// The HTTP method.
    #[schemars(extend("enum" = ["GET", "POST"]))]
    pub method: String,
    /// The path, with `{id}` in place of the id of the order.
    pub path: String,
    /// How many requests a call may send.
    #[schemars(range(min = 1))]
    pub count: u32,
    /// Whether the request may have OData's query options.
    pub query: bool,
    /// The format of the body; null for a read.
    pub body: Option<String>,
    /// The names of the headers that the plugin may set.
    pub headers: Vec<String>,
    /// The maximum size of the request body, in bytes.
    pub request_limit: usize,
    /// The maximum size of the answer, in bytes.
    pub answer_limit: usize,
}

impl ComponentInfo {
    /// Examines a component. Compiles it if its imports and exports conform.
    #[must_use]
    pub fn of(component: &Component, limits: &Limits) -> Self {
        // Names first, then types: the sandbox checks both.
        let mut violations = component.violations();
        if violations.is_empty()
            && let Err(error) = Sandbox::new(component, limits.clone())
        {
            violations.push(error.to_string());
        }
        Self {
            sha256: component.digest().as_str().to_owned(),
            size: component.bytes().len(),
            contract: component.contract(),
            imports: component.imports().to_vec(),
            exports: component.exports().to_vec(),
            conforms: violations.is_empty(),
            violations,
            limits: Limit::ALL
                .into_iter()
                .map(|limit| LimitInfo::of(limit, limits))
                .collect(),
            grants: Function::ALL.into_iter().map(GrantInfo::of).collect(),
        }
    }
}

impl LimitInfo {
    fn of(limit: Limit, limits: &Limits) -> Self {
        Self {
            name: limit.name().to_owned(),
            value: limits.get(limit),
            ceiling: limit.ceiling(),
            unit: limit.unit().name().to_owned(),
        }
    }
}

impl GrantInfo {
    fn of(function: Function) -> Self {
        let route = Route::of(function);
        Self {
            function: function.name().to_owned(),
            method: route.method().to_owned(),
            path: route.template().to_owned(),
            count: COUNT,
            query: route.takes_query(),
            body: function.body().map(ToOwned::to_owned),
            headers: HEADERS.map(ToOwned::to_owned).to_vec(),
            request_limit: MAX_REQUEST_BODY,
            answer_limit: route.answer_limit(),
        }
    }
}
