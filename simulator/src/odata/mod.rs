//! The part of OData that the service's lists support.

mod filter;
mod page;
mod predicate;
mod query;
mod schema;

pub(crate) use page::{Page, next_link, page};
pub(crate) use query::ListQuery;
pub(crate) use schema::{ACTION_SCHEMA, ALERT_SCHEMA, MACHINE_SCHEMA, Row, Schema, USER_SCHEMA};
