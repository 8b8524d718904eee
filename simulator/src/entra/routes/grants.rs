//! The token endpoint, with every grant type except that of managed identities.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::Granted;
use super::endpoint::{Named, Version};
use crate::entra::assertion;
use crate::entra::credential::{Credential, Presented};
use crate::entra::error::EntraError;
use crate::entra::form::Form;
use crate::entra::object_id::object_id;
use crate::entra::request::{Proof, TokenRequest};
use crate::entra::target::Target;
use crate::entra::tenant::{DOMAIN, Tenant};
use crate::entra::token_counts::GrantType;
use crate::service::Service;

pub(super) async fn token_v1(
    State(service): State<Arc<Service>>,
    tenant: Named,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    token(&service, Version::One, tenant, &headers, &body)
}

pub(super) async fn token_v2(
    State(service): State<Arc<Service>>,
    tenant: Named,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    token(&service, Version::Two, tenant, &headers, &body)
}

fn token(
    service: &Service,
    version: Version,
    tenant: Named,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    let now = service.clock.now();
    let granted = Request::read(service, version, tenant, headers, body, now).and_then(|request| {
        Ok(request
            .grant()?
            .body(version, &service.entra.tokens, now, request.client_info()))
    });
    match granted {
        Ok(body) => {
            let mut response = Json(body).into_response();
            response.headers_mut().insert(
                CACHE_CONTROL,
                HeaderValue::from_static("no-store, no-cache"),
            );
            response
        }
        Err(error) => error.answer(headers, now),
    }
}

/// A request to the token endpoint or to the device code endpoint.
pub(super) struct Request<'a> {
    pub(super) service: &'a Service,
    pub(super) version: Version,
    pub(super) now: Timestamp,
    pub(super) form: Form,
    tenant: Tenant,
    headers: &'a HeaderMap,
}

impl<'a> Request<'a> {
    pub(super) fn read(
        service: &'a Service,
        version: Version,
        tenant: Named,
        headers: &'a HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Self, EntraError> {
        let name = tenant.map_or_else(|error| error.body_text(), |Path(name)| name);
        Ok(Self {
            tenant: Tenant::find(&name, service.config.tenant)?,
            form: Form::read(headers, body)?,
            service,
            version,
            headers,
            now,
        })
    }

    fn grant(&self) -> Result<Granted, EntraError> {
        match self.form.require("grant_type")? {
            "client_credentials" => self.client_credentials(),
            // The short name is what MSAL for Node.js and the first version's clients send.
            "urn:ietf:params:oauth:grant-type:device_code" | "device_code" => self.device_code(),
            "refresh_token" => self.refresh_token(),
            other => Err(EntraError::UnsupportedGrant(other.to_owned())),
        }
    }

    /// The ids of the user and the tenant, if the client requests them.
    fn client_info(&self) -> Option<Value> {
        let config = &self.service.config;
        let is_requested = self.form.get("client_info") == Some("1");
        is_requested.then(|| json!({ "uid": object_id(&config.user), "utid": config.tenant }))
    }

    fn client_credentials(&self) -> Result<Granted, EntraError> {
        self.tenant.require_own()?;
        let client = self.client()?;
        let target = self.target()?;
        let proof = self.prove(&client)?;
        if proof == Proof::Public {
            return Err(EntraError::NoCredential);
        }
        if target.scopes.is_some() || !target.open_id.is_empty() {
            let scope = self.form.get("scope").unwrap_or_default();
            return Err(EntraError::NotDefaultScope(scope.to_owned()));
        }
        self.issuable(&target)?;
        let entra = &self.service.entra;
        let request = TokenRequest {
            roles: Some(entra.application.roles()),
            audience: Some(target.resource.clone()),
            proof: Some(proof),
            ..TokenRequest::default()
        };
        let token = entra.tokens.issue(request, self.now);
        entra.issued.add(GrantType::ClientCredentials);
        Ok(Granted::to_application(token, target))
    }

    fn device_code(&self) -> Result<Granted, EntraError> {
        let proof = self.prove(&self.client()?)?;
        // The first version's clients call it `code`.
        let code = match self.form.get("code") {
            Some(code) if self.form.get("device_code").is_none() => code,
            _ => self.form.require("device_code")?,
        };
        let target = self.service.entra.devices.redeem(code, self.now)?;
        let granted = self.to_user(target, proof)?;
        self.service.entra.issued.add(GrantType::DeviceCode);
        Ok(granted)
    }

    fn refresh_token(&self) -> Result<Granted, EntraError> {
        let proof = self.prove(&self.client()?)?;
        let token = self.form.require("refresh_token")?;
        let mut target = self.service.entra.refresh_tokens.redeem(token, self.now)?;
        let names = match self.version {
            Version::One => "resource",
            Version::Two => "scope",
        };
        if self.form.get(names).is_some() {
            let asked = self.target()?;
            target = Target {
                // A client with a refresh token gets the next one.
                open_id: target.open_id,
                ..asked
            };
        }
        let granted = self.to_user(target, proof)?;
        self.service.entra.issued.add(GrantType::RefreshToken);
        Ok(granted)
    }

    /// A user's token has all permissions with consent, not only the requested ones.
    fn to_user(&self, target: Target, proof: Proof) -> Result<Granted, EntraError> {
        self.issuable(&target)?;
        let (service, entra) = (self.service, &self.service.entra);
        let scopes = service.config.scopes.clone();
        let mut requested = target.scopes.iter().flatten();
        if scopes.is_empty() || requested.any(|scope| !scopes.contains(scope)) {
            return Err(EntraError::NoConsent(service.config.client_id));
        }
        let request = TokenRequest {
            scopes: Some(scopes.clone()),
            user: Some(service.config.user.clone()),
            audience: Some(target.resource.clone()),
            proof: Some(proof),
            ..TokenRequest::default()
        };
        let issuer = format!("{}/{}/v2.0", self.origin(), service.config.tenant);
        let id = target.wants("openid").then(|| {
            entra
                .tokens
                .issue_id(&service.config.user, &issuer, self.now)
        });
        let refresh = target
            .wants("offline_access")
            .then(|| entra.refresh_tokens.issue(target.clone(), self.now));
        Ok(Granted {
            token: entra.tokens.issue(request, self.now),
            scopes: Some(scopes),
            refresh,
            id,
            target,
        })
    }

    /// The client, which must be the application.
    pub(super) fn client(&self) -> Result<Presented, EntraError> {
        let presented = Presented::read(self.headers, &self.form)?;
        let config = &self.service.config;
        presented.is(config.client_id, config.tenant)?;
        Ok(presented)
    }

    /// The requested resource and permissions. For an application, a scope other than
    /// `.default` has its own refusal.
    pub(super) fn target(&self) -> Result<Target, EntraError> {
        if self.version == Version::One {
            return Ok(Target::resource(self.form.require("resource")?));
        }
        let scope = self.form.require("scope")?;
        let own = self.form.get("grant_type") == Some("client_credentials");
        if own && !scope.contains(' ') && !scope.ends_with("/.default") {
            return Err(EntraError::NotDefaultScope(scope.to_owned()));
        }
        Target::scope(scope)
    }

    /// Refuses unknown resources, and everything if a policy blocks sign-ins.
    fn issuable(&self, target: &Target) -> Result<(), EntraError> {
        self.exists(target)?;
        if self.service.config.conditional_access {
            return Err(EntraError::ConditionalAccess);
        }
        Ok(())
    }

    pub(super) fn exists(&self, target: &Target) -> Result<(), EntraError> {
        if self.service.entra.tokens.accepts(&target.resource) {
            Ok(())
        } else {
            Err(EntraError::UnknownResource(target.name().to_owned()))
        }
    }

    /// Checks a credential, if there is one.
    fn prove(&self, presented: &Presented) -> Result<Proof, EntraError> {
        let entra = &self.service.entra;
        match &presented.credential {
            Credential::None => Ok(Proof::Public),
            Credential::Secret(secret) => {
                entra.application.check_secret(secret)?;
                Ok(Proof::Secret)
            }
            Credential::Assertion(text) => {
                if assertion::is_federated(text)? {
                    entra.federation.check(text, self.now)?;
                } else {
                    let client = self.service.config.client_id;
                    let urls = self.token_urls();
                    assertion::check(&entra.application, client, text, &urls, self.now)?;
                }
                Ok(Proof::Assertion)
            }
        }
    }

    /// The possible audiences of an assertion: both endpoints, with both names of the tenant.
    /// That it may be another endpoint than the requested one is unsourced.
    fn token_urls(&self) -> Vec<String> {
        let origins = [self.origin(), self.service.origin.clone()];
        let tenants = [self.service.config.tenant.to_string(), DOMAIN.to_owned()];
        let mut urls = Vec::new();
        for origin in &origins {
            for tenant in &tenants {
                urls.push(format!("{origin}/{tenant}/oauth2/token"));
                urls.push(format!("{origin}/{tenant}/oauth2/v2.0/token"));
            }
        }
        urls
    }

    pub(super) fn origin(&self) -> String {
        self.service.origin_for(self.headers)
    }
}
