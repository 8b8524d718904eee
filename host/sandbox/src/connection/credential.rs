//! As whom: a token that is fetched when it is first needed, kept in memory,
//! renewed before it ends, and fetched once for all who wait for it. Fetching
//! is the host's business alone; the sandbox knows only whether there is a
//! credential.

use std::{
    fmt,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use thiserror::Error;
use tokio::sync::Mutex;

use super::Token;
use crate::{
    contract::{Problem, ProblemKind, Retry},
    mask,
};

/// A token is renewed when it is good for less than this, or than a tenth of
/// its life, whichever is shorter.
const MARGIN: Duration = Duration::from_secs(300);

/// A renewal that failed while the token was still good is tried again after
/// this.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where there is no good token, whoever asks within this of a failure gets its
/// reason: the source, which may be a person, is not asked again by each of
/// many.
const MOMENT: Duration = Duration::from_secs(5);

/// What a [`TokenSource`] answers, in its own time.
pub type Fetch<'a> = Pin<Box<dyn Future<Output = Result<Fetched, SignInError>> + Send + 'a>>;

/// Where tokens come from. [`Credential`] keeps them, so a source fetches a new
/// one each time.
pub trait TokenSource: Send + Sync {
    /// Fetches a token.
    fn fetch(&self) -> Fetch<'_>;
}

/// A token as its source gave it.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The token.
    pub token: Token,
    /// When it ends, where that is known.
    pub expires: Option<SystemTime>,
}

impl Fetched {
    /// A token that ends when it says itself that it does.
    #[must_use]
    pub fn by_claims(token: Token) -> Self {
        let end = token.claims().and_then(|claims| claims.expires);
        let end = end.and_then(|seconds| u64::try_from(seconds).ok());
        Self {
            token,
            expires: end
                .and_then(|end| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(end))),
        }
    }
}

/// Why there is no token. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignInError {
    /// What was set up cannot be used: a file is missing, a program fails.
    #[error("{0}")]
    Setup(String),
    /// The authority refuses.
    #[error("{message}")]
    Refused {
        /// Entra ID's error codes: 7000215 for `AADSTS7000215`.
        codes: Vec<u32>,
        /// Its words.
        message: String,
    },
    /// The authority does not answer, or cannot be trusted.
    #[error("{0}")]
    Unreachable(String),
    /// What came back is no token.
    #[error("{0}")]
    Unreadable(String),
    /// The token is of another tenant than the one that was named, or than the
    /// tokens before it.
    #[error("the token is of the tenant {found}, and {wanted} is wanted")]
    OtherTenant {
        /// The tenant that it names.
        found: String,
        /// The tenant that it is to be of.
        wanted: String,
    },
    /// After the service refused a token, the same one came again.
    #[error("the service refuses the token, and there is no other")]
    Same,
}

impl SignInError {
    /// The same, in which every word that may be a secret is hidden.
    fn masked(self) -> Self {
        let hide = |words: String| mask::words(&words);
        match self {
            Self::Setup(reason) => Self::Setup(hide(reason)),
            Self::Refused { codes, message } => Self::Refused {
                codes,
                message: hide(message),
            },
            Self::Unreachable(reason) => Self::Unreachable(hide(reason)),
            Self::Unreadable(reason) => Self::Unreadable(hide(reason)),
            Self::OtherTenant { found, wanted } => Self::OtherTenant {
                found: hide(found),
                wanted: hide(wanted),
            },
            Self::Same => Self::Same,
        }
    }
}

/// Why there is no token, as a problem. No word of it, or of its source, may be a
/// secret.
impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        let error = error.masked();
        let kind = match error {
            SignInError::Unreachable(_) => ProblemKind::NoAuthority,
            SignInError::OtherTenant { .. } => ProblemKind::WrongTenant,
            _ => ProblemKind::NoCredential,
        };
        let (code, words) = match &error {
            SignInError::Refused { codes, message } => {
                let code = codes.first().map(|code| format!("AADSTS{code}"));
                // Entra ID begins its words with the code, which a problem has apart.
                let words = code
                    .as_deref()
                    .and_then(|code| message.strip_prefix(code)?.strip_prefix(": "));
                (code.clone(), words.unwrap_or(message).to_owned())
            }
            other => (None, other.to_string()),
        };
        Self {
            code,
            source: Some(Arc::new(error)),
            ..Self::new(kind, Retry::Safe, words)
        }
    }
}

/// A credential, shared by all who use it.
#[derive(Clone)]
pub struct Credential {
    source: Arc<dyn TokenSource>,
    held: Arc<Mutex<Held>>,
}

/// What is kept.
#[derive(Default)]
struct Held {
    current: Option<Current>,
    /// How many different tokens there have been.
    generation: u64,
    /// Why the last look for a token found none, and when that was.
    failed: Option<(Instant, SignInError)>,
    /// The tenant that all tokens are of, as soon as it is known.
    tenant: Option<String>,
}

struct Current {
    issued: Issued,
    /// When to look for the next one.
    renew: Option<SystemTime>,
    expires: Option<SystemTime>,
    /// Whether it replaced one that the service refused, and was not accepted
    /// since.
    unproven: bool,
}

/// A token, and which of its credential's it is.
#[derive(Debug, Clone)]
pub(crate) struct Issued {
    pub(crate) token: Token,
    pub(crate) generation: u64,
}

impl Credential {
    /// A credential whose tokens come from here.
    #[must_use]
    pub fn new(source: impl TokenSource + 'static) -> Self {
        Self {
            source: Arc::new(source),
            held: Arc::default(),
        }
    }

    /// A token that is good now.
    ///
    /// # Errors
    /// There is none to be had.
    pub async fn token(&self) -> Result<Token, SignInError> {
        Ok(self.issue().await?.token)
    }

    /// Takes tokens of this tenant alone from now on; without it, of the one
    /// that the first token names. A token that names none is taken.
    ///
    /// # Errors
    /// The tokens are of another one already.
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
            Ok(fetched) => Ok(held.take(fetched, now)),
            Err(error) => match &mut held.current {
                // It is good for a while yet.
                Some(current) if current.expires.is_some_and(|expires| now < expires) => {
                    current.renew = Some(now + PATIENCE);
                    Ok(current.issued.clone())
                }
                _ => Err(error),
            },
        }
    }

    /// Looks for another token after the service refused the one of this
    /// generation. One look serves all who were refused.
    ///
    /// # Errors
    /// There is no other: the same came again, or one that was fetched for
    /// this reason was refused too.
    pub async fn renew(&self, generation: u64) -> Result<(), SignInError> {
        let mut held = self.held.lock().await;
        match &held.current {
            Some(current) if current.issued.generation > generation => return Ok(()),
            Some(current) if current.unproven => return Err(SignInError::Same),
            _ => {}
        }
        let fetched = held.fetch(&*self.source).await?;
        held.take(fetched, SystemTime::now());
        match &mut held.current {
            Some(current) if current.issued.generation > generation => {
                current.unproven = true;
                Ok(())
            }
            _ => Err(SignInError::Same),
        }
    }

    /// Takes note that the service accepts the token of this generation.
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
            && when.elapsed() < MOMENT
        {
            return Err(error.clone());
        }
        let fetched = source.fetch().await;
        let fetched = fetched.and_then(|fetched| self.of_tenant(fetched));
        let failed = fetched.as_ref().err();
        self.failed = failed.map(|error| (Instant::now(), error.clone()));
        fetched
    }

    /// Somebody may have signed in elsewhere meanwhile, or written another
    /// tenant's token to the file: the machines that were looked up are not
    /// those of that tenant.
    fn of_tenant(&mut self, fetched: Fetched) -> Result<Fetched, SignInError> {
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

    fn take(&mut self, fetched: Fetched, now: SystemTime) -> Issued {
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

/// Whether both name the same tenant: ids are written in several ways.
#[must_use]
pub fn is_same_tenant(one: &str, other: &str) -> bool {
    let plain = |text: &str| {
        let digits = text.chars().filter(|c| !matches!(c, '-' | '{' | '}'));
        digits.collect::<String>().to_ascii_lowercase()
    };
    plain(one) == plain(other)
}

/// When to renew a token that was fetched now. One that is over already, or
/// nearly, is looked for again in a moment, and not with every request.
fn renewal(now: SystemTime, expires: SystemTime) -> SystemTime {
    let life = expires.duration_since(now).unwrap_or_default();
    now + (life - MARGIN.min(life / 10)).max(Duration::from_secs(1))
}

/// A token in a file, which somebody else may keep fresh.
#[derive(Debug, Clone)]
pub struct TokenFile(pub PathBuf);

impl TokenSource for TokenFile {
    fn fetch(&self) -> Fetch<'_> {
        Box::pin(async move {
            // Elsewhere, since a pipe may have the reader wait.
            let path = self.0.clone();
            let read = tokio::task::spawn_blocking(move || Token::from_file(&path)).await;
            let told = |reason: String| {
                SignInError::Setup(format!("{}: {reason}", mask::secret_path(&self.0)))
            };
            let token = read.map_err(|error| told(error.to_string()))?;
            let token = token.map_err(|error| told(error.to_string()))?;
            Ok(Fetched::by_claims(token))
        })
    }
}

/// A token that is there already.
struct Ready(Token);

impl TokenSource for Ready {
    fn fetch(&self) -> Fetch<'_> {
        let token = self.0.clone();
        Box::pin(async move {
            Ok(Fetched {
                token,
                expires: None,
            })
        })
    }
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
