//! The bodies of lists and entities.

use axum::Json;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::ServiceError;
use crate::odata::{ListQuery, Page, Row, Schema, next_link, page};
use crate::service::Service;

/// An entity with its context.
#[derive(Debug, Serialize)]
pub(super) struct Entity<T> {
    #[serde(rename = "@odata.context")]
    context: String,
    #[serde(flatten)]
    entity: T,
}

/// An entity as an item of a list.
pub(super) fn row(entity: &impl Serialize) -> Option<Row> {
    match serde_json::to_value(entity) {
        Ok(Value::Object(row)) => Some(row),
        // Entities are structs, which always become objects.
        _ => None,
    }
}

impl Service {
    pub(super) fn entity<T>(
        &self,
        headers: &HeaderMap,
        schema: &Schema,
        entity: T,
    ) -> Json<Entity<T>> {
        let context = format!("{}/$entity", self.context(headers, schema));
        Json(Entity { context, entity })
    }

    fn context(&self, headers: &HeaderMap, schema: &Schema) -> String {
        format!("{}/api/$metadata#{}", self.origin_for(headers), schema.set)
    }

    pub(super) fn page<'a>(
        &self,
        uri: &Uri,
        schema: &Schema,
        rows: impl Iterator<Item = &'a Row>,
    ) -> Result<(ListQuery, Page), ServiceError> {
        let query = ListQuery::parse(uri.query().unwrap_or_default(), schema)
            .map_err(ServiceError::odata)?;
        let size = usize::try_from(self.config.page_size).unwrap_or(usize::MAX);
        let page = page(rows, &query, size);
        Ok((query, page))
    }

    pub(super) fn list_body(
        &self,
        headers: &HeaderMap,
        uri: &Uri,
        schema: &Schema,
        query: &ListQuery,
        page: Page,
    ) -> Response {
        let selected = query
            .select
            .as_ref()
            .map_or_else(String::new, |names| format!("({})", names.join(",")));
        let mut body = Map::new();
        body.insert(
            "@odata.context".to_owned(),
            (self.context(headers, schema) + &selected).into(),
        );
        if query.count {
            body.insert("@odata.count".to_owned(), page.total.into());
        }
        body.insert(
            "value".to_owned(),
            page.rows.into_iter().map(Value::Object).collect(),
        );
        if let Some(next) = page.next {
            let link = next_link(
                &self.origin_for(headers),
                uri.path(),
                uri.query().unwrap_or_default(),
                next,
            );
            body.insert("@odata.nextLink".to_owned(), link.into());
        }
        Json(body).into_response()
    }
}
