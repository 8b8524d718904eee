//! A credential: fetches a token when it is first needed, keeps it in memory, renews it
//! before it expires, and fetches once for all callers that wait. The sandbox learns
//! only whether there is a credential.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::Mutex;

use super::{
    sign_in_error::SignInError,
    source::{Fetched, Ready, TokenSource},
    token::Token,
};

/// A token is renewed when its remaining lifetime is less than this or than a tenth of its
/// lifetime, whichever is shorter.
const RENEWAL_MARGIN: Duration = Duration::from_secs(300);

/// Delay before a failed renewal is tried again while the token is still valid.
const RENEWAL_RETRY: Duration = Duration::from_secs(30);

/// While there is no valid token, a failure is returned again for this long without
/// fetching: the source may be a person, who must not be asked once for each machine.
const FAILURE_LIFETIME: Duration = Duration::from_secs(5);

/// A credential. Clones share its tokens.
#[derive(Clone)]
pub struct Credential {
    source: Arc<dyn TokenSource>,
    held: Arc<Mutex<Held>>,
}

/// The state that clones share.
#[derive(Default)]
struct Held {
    current: Option<Current>,
    /// How many different tokens there were.
    generation: u64,
    /// When the last fetch failed, and why.
    failed: Option<(Instant, SignInError)>,
    /// The tenant of all tokens, once it is known.
    tenant: Option<String>,
}

struct Current {
    issued: Issued,
    /// When to renew it; `None` if it never expires.
    renew: Option<SystemTime>,
    expires: Option<SystemTime>,
    /// Whether it replaced a token that the service refused, and has not been accepted
    /// yet.
    unproven: bool,
}

/// A token with its generation.
#[derive(Debug, Clone)]
pub(crate) struct Issued {
    pub(crate) token: Token,
    pub(crate) generation: u64,
}

impl Credential {
    /// A credential with tokens from this source.
    #[must_use]
    pub fn new(source: impl TokenSource + 'static) -> Self {
        Self {
            source: Arc::new(source),
            held: Arc::default(),
        }
    }

    /// A valid token.
    ///
    /// # Errors
    /// The source returned no usable token.
    pub async fn token(&self) -> Result<Token, SignInError> {
        Ok(self.issue().await?.token)
    }

    /// Accepts only tokens of this tenant from now on. Without this call, the first
    /// token determines the tenant. A token without a tenant is accepted.
    ///
    /// # Errors
    /// Earlier tokens belong to another tenant.
    pub async fn bind(&self, tenant: &str) -> Result<(), SignInError> {
        let mut held = self.held.lock().await;
        match &held.tenant {
            Some(found) if !is_same_tenant(found, tenant) => Err(SignInError::OtherTenant {
                found: found.clone(),
                wanted: tenant.to_owned(),
            }),
            _ => {
                held.tenant = Some(tenant.to_owned());
                Ok(())
            }
        }
    }

    pub(crate) async fn issue(&self) -> Result<Issued, SignInError> {
        let mut held = self.held.lock().await;
        let now = SystemTime::now();
        if let Some(current) = &held.current
            && current.renew.is_none_or(|renew| now < renew)
        {
            return Ok(current.issued.clone());
        }
        match held.fetch(&*self.source).await {
            Ok(fetched) => Ok(held.keep(fetched, now)),
            Err(error) => match &mut held.current {
                // The token is still valid.
                Some(current) if current.expires.is_some_and(|expires| now < expires) => {
                    current.renew = Some(now + RENEWAL_RETRY);
                    Ok(current.issued.clone())
                }
                _ => Err(error),
            },
        }
    }

    /// Fetches another token after the service refused the one of this generation. One
    /// fetch serves all callers that were refused.
    ///
    /// # Errors
    /// There is no other token: the source returned the same one again, or the service
    /// also refused the one that was fetched after the first refusal.
    pub async fn renew(&self, generation: u64) -> Result<(), SignInError> {
        let mut held = self.held.lock().await;
        match &held.current {
            Some(current) if current.issued.generation > generation => return Ok(()),
            Some(current) if current.unproven => return Err(SignInError::Same),
            _ => {}
        }
        let fetched = held.fetch(&*self.source).await?;
        held.keep(fetched, SystemTime::now());
        match &mut held.current {
            Some(current) if current.issued.generation > generation => {
                current.unproven = true;
                Ok(())
            }
            _ => Err(SignInError::Same),
        }
    }

    /// Records that the service accepted the token of this generation.
    pub(crate) async fn accepted(&self, generation: u64) {
        if let Some(current) = &mut self.held.lock().await.current
            && current.issued.generation == generation
        {
            current.unproven = false;
        }
    }
}

impl Held {
    async fn fetch(&mut self, source: &dyn TokenSource) -> Result<Fetched, SignInError> {
        if let Some((when, error)) = &self.failed
            && when.elapsed() < FAILURE_LIFETIME
        {
            return Err(error.clone());
        }
        let fetched = source.fetch().await;
        let fetched = fetched.and_then(|fetched| self.check_tenant(fetched));
        let failed = fetched.as_ref().err();
        self.failed = failed.map(|error| (Instant::now(), error.clone()));
        fetched
    }

    /// Another user may have signed in meanwhile, or another process may have written
    /// another tenant's token to the file. The machine ids that were read before belong
    /// to the first tenant.
    fn check_tenant(&mut self, fetched: Fetched) -> Result<Fetched, SignInError> {
        let found = fetched.token.claims().and_then(|claims| claims.tenant);
        match (&self.tenant, found) {
            (Some(wanted), Some(found)) if !is_same_tenant(wanted, &found) => {
                return Err(SignInError::OtherTenant {
                    found,
                    wanted: wanted.clone(),
                });
            }
            (None, Some(found)) => self.tenant = Some(found),
            _ => {}
        }
        Ok(fetched)
    }

    fn keep(&mut self, fetched: Fetched, now: SystemTime) -> Issued {
        let Fetched { token, expires } = fetched;
        let same = |current: &Current| current.issued.token.is_same(&token);
        let unproven = self
            .current
            .as_ref()
            .is_some_and(|current| current.unproven && current.issued.token.is_same(&token));
        if !self.current.as_ref().is_some_and(same) {
            self.generation += 1;
        }
        let issued = Issued {
            token,
            generation: self.generation,
        };
        self.current = Some(Current {
            issued: issued.clone(),
            renew: expires.map(|expires| renewal(now, expires)),
            expires,
            unproven,
        });
        issued
    }
}

/// Whether two tenant ids are the same, regardless of case, hyphens and braces.
#[must_use]
pub fn is_same_tenant(one: &str, other: &str) -> bool {
    let plain = |text: &str| {
        let digits = text.chars().filter(|c| !matches!(c, '-' | '{' | '}'));
        digits.collect::<String>().to_ascii_lowercase()
    };
    plain(one) == plain(other)
}

/// When to renew a token that was fetched now. A token that has expired, or nearly, is
/// fetched again after one second at the earliest, so that not every request fetches.
fn renewal(now: SystemTime, expires: SystemTime) -> SystemTime {
    let life = expires.duration_since(now).unwrap_or_default();
    now + (life - RENEWAL_MARGIN.min(life / 10)).max(Duration::from_secs(1))
}

impl From<Token> for Credential {
    fn from(token: Token) -> Self {
        Self::new(Ready(token))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credential([redacted])")
    }
}

#[cfg(test)]
#[path = "credential_tests.rs"]
mod tests;
