//! The first sign-in of a client, and why it has no token.

use std::sync::Arc;

use super::Observer;
use crate::{
    advice::KnownToken,
    config::{Auth, Config, CredentialError},
    connection::Connection,
    contract::{Problem, ProblemKind, Retry},
    identity::{Credential, SignInError, Token, cloud::Service, sign_in::Prompt},
    mask,
};

/// Why a client has no token.
#[derive(Debug, Clone)]
pub(crate) struct MissingToken {
    /// The problem of each request.
    pub(crate) problem: Problem,
    /// The front end's remedy, if it has one.
    remedy: Option<String>,
}

impl MissingToken {
    /// What is known about the token.
    pub(crate) fn known_token(&self) -> KnownToken<'_> {
        KnownToken::Missing(self.remedy.as_deref())
    }

    /// Names the managed identity that was used, and adds the remedy for it.
    fn add_identity(&mut self, config: &Config, observer: &dyn Observer) {
        let implied = config.implied_identity();
        let auth = config.chosen_auth().map(|auth| auth.value);
        let has_none = self.problem.kind == ProblemKind::NoCredential;
        if implied.is_none() && !(auth == Some(Auth::ManagedIdentity) && has_none) {
            return;
        }
        if let (Some(implied), Some(message)) = (&implied, &mut self.problem.message) {
            message.push_str(&format!(
                "; the identity {} was used, which {} names",
                mask::identifier(&implied.value),
                implied.source
            ));
        }
        self.remedy = observer.identity_remedy(implied.is_some());
    }
}

impl From<Problem> for MissingToken {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            remedy: None,
        }
    }
}

impl From<SignInError> for MissingToken {
    fn from(error: SignInError) -> Self {
        Problem::from(error).into()
    }
}

/// The first sign-in of a client.
///
/// # Errors
/// There is no credential, or the sign-in fails.
pub(crate) async fn sign_in(
    config: &Config,
    service: &Service,
    connection: &Connection,
    observer: &Arc<dyn Observer>,
) -> Result<(Credential, Token), MissingToken> {
    let shown = Arc::clone(observer);
    let prompt = Prompt::new(move |url, code| shown.sign_in(url, code));
    let credential = config
        .credential(service, connection, prompt)
        .map_err(|error| without_credential(error, &**observer))?;
    match credential.token().await {
        Ok(token) => Ok((credential, token)),
        Err(error) => {
            let mut missing = MissingToken::from(error);
            missing.add_identity(config, &**observer);
            Err(missing)
        }
    }
}

fn without_credential(error: CredentialError, observer: &dyn Observer) -> MissingToken {
    let remedy = observer.remedy(&error);
    let mut problem = Problem::from_error(ProblemKind::NoCredential, Retry::Safe, error);
    problem.message = problem.message.map(|message| mask::words(&message));
    MissingToken { problem, remedy }
}
