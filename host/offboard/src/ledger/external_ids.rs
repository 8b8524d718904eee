//! What the service of an account has shown about external ids.

use sqlx::{Row, Sqlite, SqliteConnection, Transaction, sqlite::SqliteRow};

use super::{
    clock::now,
    error::{LedgerError, LedgerErrorKind},
    session::Session,
};
use crate::external_id::{ExternalIdSupport, Learned};

impl Session {
    /// What is known about the service of this session's account.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(crate) async fn external_id_support(&self) -> Result<Option<Learned>, LedgerError> {
        let read = async {
            let mut reading = self.ledger.pool.acquire().await?;
            read(&mut reading, self.account).await
        };
        read.await.map_err(|kind: LedgerErrorKind| self.error(kind))
    }

    /// Records an observation. It is written only if it is new, or if it is a refusal, which is
    /// remembered for a limited time.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub(crate) async fn learn_external_id_support(
        &self,
        seen: ExternalIdSupport,
    ) -> Result<(), LedgerError> {
        let known = self.external_id_support().await?;
        let is_known = known.is_some_and(|known| seen.after(Some(known.support)) == known.support);
        if is_known && seen != ExternalIdSupport::Refused {
            return Ok(());
        }
        let learn = async {
            let mut writing = self.ledger.write().await?;
            learn(&mut writing, self.account, seen).await?;
            Ok(writing.commit().await?)
        };
        learn
            .await
            .map_err(|kind: LedgerErrorKind| self.error(kind))
    }
}

async fn read(
    reading: &mut SqliteConnection,
    account: i64,
) -> Result<Option<Learned>, LedgerErrorKind> {
    let row = sqlx::query("SELECT support, learned FROM external_id_support WHERE account = ?")
        .bind(account)
        .fetch_optional(reading)
        .await?;
    let learned = |row: &SqliteRow| -> Result<Option<Learned>, LedgerErrorKind> {
        let support: String = row.try_get("support")?;
        let at = row.try_get("learned")?;
        Ok(ExternalIdSupport::of(&support).map(|support| Learned { support, at }))
    };
    Ok(row.as_ref().map(learned).transpose()?.flatten())
}

/// Another process may have recorded something since it was read (a race).
async fn learn(
    writing: &mut Transaction<'static, Sqlite>,
    account: i64,
    seen: ExternalIdSupport,
) -> Result<(), LedgerErrorKind> {
    let known = read(writing, account).await?;
    let support = seen.after(known.map(|known| known.support));
    sqlx::query(
        "INSERT INTO external_id_support (account, support, learned) VALUES (?1, ?2, ?3) \
         ON CONFLICT (account) DO UPDATE SET support = ?2, learned = ?3",
    )
    .bind(account)
    .bind(support.name())
    .bind(now())
    .execute(&mut **writing)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{super::sample::who, *};
    use crate::ledger::{Ledger, SessionInfo};

    #[tokio::test]
    async fn what_was_learned_belongs_to_the_account() {
        use ExternalIdSupport::{Accepted, Echoed, Refused};
        let ledger = Ledger::in_memory().await.unwrap();
        let session = Session::begin(&ledger, &who(), "run").await.unwrap();
        let support = async |session: &Session| {
            let known = session.external_id_support().await.unwrap();
            known.map(|known| known.support)
        };
        assert_eq!(support(&session).await, None);
        for (seen, then) in [(Accepted, Accepted), (Echoed, Echoed), (Accepted, Echoed)] {
            session.learn_external_id_support(seen).await.unwrap();
            assert_eq!(support(&session).await, Some(then));
        }
        let same = Session::begin(&ledger, &who(), "run").await.unwrap();
        assert_eq!(support(&same).await, Some(Echoed));
        for other in [
            SessionInfo {
                tenant: Some("contoso".to_owned()),
                ..who()
            },
            SessionInfo {
                application: Some("app".to_owned()),
                ..who()
            },
            SessionInfo {
                api_root: "http://127.0.0.1:2".to_owned(),
                ..who()
            },
        ] {
            let other = Session::begin(&ledger, &other, "run").await.unwrap();
            assert_eq!(support(&other).await, None);
            other.learn_external_id_support(Refused).await.unwrap();
        }
        assert_eq!(support(&session).await, Some(Echoed));
    }
}
