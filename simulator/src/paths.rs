//! Routes, and paths that are written in another case or with a trailing slash.
//!
//! Clients that work with the service write `/API/`, `findByTag` and `machineactions/`, but the
//! router is exact. So a request's path is rewritten to the way in which its route is written.

use std::str::FromStr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::MethodRouter;

use crate::service::Service;

/// The routes that were added, with their patterns.
#[derive(Default)]
pub(crate) struct Routes {
    router: Router<Arc<Service>>,
    patterns: Vec<String>,
}

impl Routes {
    /// Adds a route. In its pattern, a parameter ends its segment: `findbyip{arguments}`.
    pub(crate) fn add(mut self, pattern: &str, methods: MethodRouter<Arc<Service>>) -> Self {
        self.router = self.router.route(pattern, methods);
        self.patterns.push(pattern.to_owned());
        self
    }

    /// The router, and the paths that it has.
    pub(crate) fn split(self) -> (Router<Arc<Service>>, Paths) {
        let mut patterns = self.patterns;
        // A path that fits several patterns belongs to the most specific one, as in the router.
        patterns.sort_by_key(|pattern| {
            let segments = pattern.split('/');
            segments.filter(|segment| segment.starts_with('{')).count()
        });
        (self.router, Paths(Arc::new(patterns)))
    }
}

/// The patterns of all routes, the most specific one first.
#[derive(Debug, Clone)]
pub(crate) struct Paths(Arc<Vec<String>>);

impl Paths {
    /// The path as the router has it. Parameters stay as they were sent.
    fn routed(&self, path: &str) -> String {
        let trimmed = path.strip_suffix('/').unwrap_or(path);
        let fitting = self.0.iter().find_map(|pattern| applied(pattern, trimmed));
        fitting.unwrap_or_else(|| path.to_owned())
    }
}

/// Whether a path belongs to the API, known or not.
pub(crate) fn is_api(path: &str) -> bool {
    let root = "/api";
    path.split_at_checked(root.len())
        .is_some_and(|(start, rest)| {
            start.eq_ignore_ascii_case(root) && (rest.is_empty() || rest.starts_with('/'))
        })
}

/// The path with the fixed parts of a pattern, if it fits.
fn applied(pattern: &str, path: &str) -> Option<String> {
    let mut sent = path.split('/');
    let mut routed = Vec::new();
    for segment in pattern.split('/') {
        let (fixed, has_parameter) = match segment.split_once('{') {
            Some((fixed, _)) => (fixed, true),
            None => (segment, false),
        };
        let (start, rest) = sent.next()?.split_at_checked(fixed.len())?;
        if !start.eq_ignore_ascii_case(fixed) || rest.is_empty() == has_parameter {
            return None;
        }
        routed.push(format!("{fixed}{rest}"));
    }
    sent.next().is_none().then(|| routed.join("/"))
}

/// Rewrites the path of a request.
pub(crate) async fn rewrite(
    State(paths): State<Paths>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = paths.routed(request.uri().path());
    if path != request.uri().path() {
        let query = request.uri().query();
        let whole = query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
        if let Ok(uri) = Uri::from_str(&whole) {
            *request.uri_mut() = uri;
        }
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths() -> Paths {
        let methods = || axum::routing::get(async || ());
        let routes = Routes::default()
            .add("/api/machines/{id}", methods())
            .add("/api/machines", methods())
            .add("/api/machines/findbytag", methods())
            .add("/api/machines/findbyip{arguments}", methods())
            .add("/api/machines/{id}/offboard", methods())
            .add("/{tenant}/oauth2/token", methods());
        routes.split().1
    }

    #[test]
    fn fixed_parts_are_written_as_in_the_route_and_parameters_as_sent() {
        let paths = paths();
        for (sent, routed) in [
            ("/api/machines", "/api/machines"),
            ("/API/Machines/", "/api/machines"),
            (
                "/api/machines/Ana%27s%20Phone",
                "/api/machines/Ana%27s%20Phone",
            ),
            ("/Api/machines/FindByTag", "/api/machines/findbytag"),
            (
                "/api/machines/findByIp(ip='A',timestamp=T)",
                "/api/machines/findbyip(ip='A',timestamp=T)",
            ),
            ("/api/machines/findByIp", "/api/machines/findByIp"),
            ("/api/machines/AB/OffBoard/", "/api/machines/AB/offboard"),
            ("/Contoso.test/OAuth2/Token/", "/Contoso.test/oauth2/token"),
            // Unknown paths stay.
            ("/API/Nothing/", "/API/Nothing/"),
            ("/api/machines//offboard", "/api/machines//offboard"),
            ("/api/machines//", "/api/machines//"),
            ("/Nothing/", "/Nothing/"),
            ("/", "/"),
            ("", ""),
            ("/ap\u{e9}", "/ap\u{e9}"),
        ] {
            assert_eq!(paths.routed(sent), routed, "{sent}");
        }
    }

    #[test]
    fn paths_of_the_api_are_recognized_in_any_case() {
        for (path, api) in [
            ("/api", true),
            ("/API/Nothing/", true),
            ("/api/machines", true),
            ("/apis", false),
            ("/ap\u{e9}", false),
            ("/contoso.test/oauth2/token", false),
            ("", false),
        ] {
            assert_eq!(is_api(path), api, "{path}");
        }
    }
}
