//! The bodies of answers with a token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::endpoint::Version;
use crate::entra::target::Target;
use crate::entra::tokens::Tokens;

/// The grant of a request.
pub(super) struct Granted {
    pub(super) token: String,
    pub(super) target: Target,
    /// The permissions, for a user.
    pub(super) scopes: Option<Vec<String>>,
    pub(super) refresh: Option<String>,
    pub(super) id: Option<String>,
}

impl Granted {
    pub(super) fn to_application(token: String, target: Target) -> Self {
        Self {
            token,
            target,
            scopes: None,
            refresh: None,
            id: None,
        }
    }

    /// The second version writes numbers as numbers, the first as strings. `client_info` is
    /// only for users.
    pub(super) fn body(
        self,
        version: Version,
        tokens: &Tokens,
        now: Timestamp,
        client_info: Option<Value>,
    ) -> Map<String, Value> {
        let (lifetime, promised) = (tokens.lifetime(), tokens.promised());
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| {
            body.insert(name.to_owned(), value);
        };
        put("token_type", "Bearer".into());
        if let Some(scopes) = &self.scopes {
            put("scope", self.scope(scopes, version).into());
        }
        match version {
            Version::Two => {
                put("expires_in", promised.into());
                put("ext_expires_in", promised.into());
            }
            Version::One => {
                let now = now.as_second();
                put("expires_in", promised.to_string().into());
                put("ext_expires_in", promised.to_string().into());
                put(
                    "expires_on",
                    now.saturating_add(lifetime).to_string().into(),
                );
                put("not_before", now.to_string().into());
                put("resource", self.target.resource.into());
            }
        }
        put("access_token", self.token.into());
        if let Some(refresh) = self.refresh {
            put("refresh_token", refresh.into());
        }
        if let Some(id) = self.id {
            put("id_token", id.into());
        }
        if self.scopes.is_some()
            && let Some(client_info) = client_info
        {
            put(
                "client_info",
                URL_SAFE_NO_PAD.encode(client_info.to_string()).into(),
            );
        }
        body
    }

    /// The second version writes each permission with its resource.
    fn scope(&self, scopes: &[String], version: Version) -> String {
        if version == Version::One {
            return scopes.join(" ");
        }
        let resource = self.target.name();
        let named = scopes.iter().map(|scope| format!("{resource}/{scope}"));
        // `offline_access` requests a refresh token and isn't a permission.
        let open_id = self.target.open_id.iter().cloned();
        named
            .chain(open_id.filter(|one| one != "offline_access"))
            .collect::<Vec<_>>()
            .join(" ")
    }
}
