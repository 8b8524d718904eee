#![allow(clippy::unwrap_used)]
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::identity::source::Fetch;

/// Issues numbered tokens with this lifetime; `same` consecutive ones are equal.
struct Counting {
    fetched: Arc<AtomicU64>,
    life: Duration,
    same: u64,
    fails_after: u64,
}

impl TokenSource for Counting {
    fn fetch(&self) -> Fetch<'_> {
        Box::pin(async move {
            let number = self.fetched.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            if number >= self.fails_after {
                return Err(SignInError::Unreachable("silence".to_owned()));
            }
            Ok(Fetched {
                token: Token::new(&format!("token-{}", number / self.same)).unwrap(),
                expires: Some(SystemTime::now() + self.life),
            })
        })
    }
}

fn counting(life: u64, same: u64, fails_after: u64) -> (Credential, Arc<AtomicU64>) {
    let fetched = Arc::new(AtomicU64::new(0));
    let source = Counting {
        fetched: Arc::clone(&fetched),
        life: Duration::from_secs(life),
        same,
        fails_after,
    };
    (Credential::new(source), fetched)
}

#[tokio::test]
async fn concurrent_callers_share_one_fetch() {
    let (credential, fetched) = counting(3600, 1, u64::MAX);
    let callers = (0..50).map(|_| {
        let credential = credential.clone();
        tokio::spawn(async move { credential.issue().await.unwrap().generation })
    });
    for caller in callers.collect::<Vec<_>>() {
        assert_eq!(caller.await.unwrap(), 1);
    }
    assert_eq!(fetched.load(Ordering::SeqCst), 1);
}

#[test]
fn a_token_is_renewed_before_it_expires() {
    let now = SystemTime::now();
    for (life, renewed) in [(3600, 3300), (1000, 900), (10, 9), (0, 1)] {
        let expires = now + Duration::from_secs(life);
        let due = renewal(now, expires).duration_since(now).unwrap();
        assert_eq!(due, Duration::from_secs(renewed), "{life}");
    }
    assert!(renewal(now, now - Duration::from_secs(5)) > now);
}

#[tokio::test]
async fn a_failed_renewal_keeps_a_valid_token() {
    let (credential, fetched) = counting(3600, 1, 1);
    credential.issue().await.unwrap();
    credential.held.lock().await.current.as_mut().unwrap().renew = Some(SystemTime::now());
    for _ in 0..3 {
        assert_eq!(credential.issue().await.unwrap().generation, 1);
    }
    assert_eq!(fetched.load(Ordering::SeqCst), 2);
    let mut held = credential.held.lock().await;
    let current = held.current.as_mut().unwrap();
    current.renew = Some(SystemTime::now());
    current.expires = Some(SystemTime::now());
    drop(held);
    assert!(credential.issue().await.is_err());
}

#[tokio::test]
async fn concurrent_callers_share_one_failure() {
    let (credential, fetched) = counting(3600, 1, 0);
    for _ in 0..50 {
        assert!(credential.issue().await.is_err());
    }
    assert_eq!(fetched.load(Ordering::SeqCst), 1);
    // For a short time only.
    let past = Instant::now() - FAILURE_LIFETIME;
    credential.held.lock().await.failed.as_mut().unwrap().0 = past;
    assert!(credential.issue().await.is_err());
    assert_eq!(fetched.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn concurrent_refusals_renew_once() {
    let (credential, fetched) = counting(3600, 1, u64::MAX);
    let first = credential.issue().await.unwrap().generation;
    for _ in 0..5 {
        assert_eq!(credential.renew(first).await, Ok(()));
    }
    assert_eq!(fetched.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_renewed_token_that_is_refused_ends_renewal() {
    let (credential, fetched) = counting(3600, 1, u64::MAX);
    let first = credential.issue().await.unwrap().generation;
    credential.renew(first).await.unwrap();
    let second = credential.issue().await.unwrap().generation;
    assert_eq!(credential.renew(second).await, Err(SignInError::Same));
    assert_eq!(fetched.load(Ordering::SeqCst), 2);
    // A token that was accepted may be renewed again.
    credential.accepted(second).await;
    assert_eq!(credential.renew(second).await, Ok(()));
}

/// Returns tokens of these tenants in turn. A name without an issuer gives a token
/// without a tenant.
struct Moving(std::sync::Mutex<Vec<Option<&'static str>>>);

impl TokenSource for Moving {
    fn fetch(&self) -> Fetch<'_> {
        use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
        let mut tenants = self.0.lock().unwrap();
        let number = tenants.len();
        let token = match tenants.remove(0) {
            Some(tenant) => {
                // The other claims have unusual types.
                let claims = format!(r#"{{"tid":"{tenant}","aud":[1],"exp":{number}.5}}"#);
                format!("h.{}.s", BASE64_URL_SAFE_NO_PAD.encode(claims))
            }
            None => format!("opaque-{number}"),
        };
        let token = Token::new(&token).unwrap();
        Box::pin(async move {
            Ok(Fetched {
                token,
                expires: None,
            })
        })
    }
}

#[tokio::test]
async fn a_token_of_another_tenant_is_refused() {
    const ONE: &str = "7e4a4700-0000-4000-8000-000000000001";
    const OTHER: &str = "66666666-0000-4000-8000-000000000001";
    let moving = |tenants: &[Option<&'static str>]| {
        Credential::new(Moving(std::sync::Mutex::new(tenants.to_vec())))
    };
    let credential = moving(&[Some(ONE), Some(OTHER)]);
    let first = credential.issue().await.unwrap().generation;
    let refused = credential.renew(first).await.unwrap_err();
    assert!(matches!(refused, SignInError::OtherTenant { found, .. } if found == OTHER));
    // A token without a tenant is accepted.
    let credential = moving(&[None, Some(ONE), Some(OTHER)]);
    let first = credential.issue().await.unwrap().generation;
    credential.renew(first).await.unwrap();
    credential.accepted(first + 1).await;
    assert!(credential.renew(first + 1).await.is_err());
    // A bound tenant counts from the start.
    let credential = moving(&[None, Some(OTHER)]);
    let first = credential.issue().await.unwrap().generation;
    credential
        .bind(&format!("{{{}}}", ONE.to_uppercase()))
        .await
        .unwrap();
    assert!(credential.renew(first).await.is_err());
    let credential = moving(&[Some(ONE)]);
    credential.issue().await.unwrap();
    assert!(credential.bind(ONE).await.is_ok());
    assert!(credential.bind(OTHER).await.is_err());
}

#[tokio::test]
async fn a_refused_token_is_not_retried() {
    let (credential, _) = counting(3600, 2, u64::MAX);
    let first = credential.issue().await.unwrap().generation;
    assert_eq!(credential.renew(first).await, Err(SignInError::Same));
    let ready = Credential::from(Token::new("ready").unwrap());
    let first = ready.issue().await.unwrap().generation;
    assert_eq!(ready.renew(first).await, Err(SignInError::Same));
}
