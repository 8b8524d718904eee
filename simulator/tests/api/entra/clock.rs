//! A service whose clock is wrong.

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use offboard_simulator::Config;

use super::*;
use crate::client::{get, start};

/// The difference between a time and now, in hours, rounded.
fn hours(second: i64) -> i64 {
    (second - Timestamp::now().as_second() + 1800).div_euclid(3600)
}

#[tokio::test]
async fn all_clocks_are_off_together() {
    for skew in [-5, 0, 5] {
        let simulator = start(Config {
            clock_skew: skew * 3600,
            ..Config::default()
        })
        .await;
        let answer = Form::secret(&simulator).send(&simulator).await;
        let claims = accepted(&simulator, &answer).await;
        assert_eq!(hours(claims["iat"].as_i64().unwrap()), skew);
        assert_eq!(hours(claims["exp"].as_i64().unwrap()), skew + 1);

        let date = answer.headers["date"].to_str().unwrap();
        let date = rfc2822::DateTimeParser::new()
            .parse_timestamp(date)
            .unwrap();
        assert_eq!(hours(date.as_second()), skew);
        assert_eq!(answer.headers.get_all("date").iter().count(), 1);

        let refused = Form::application(&simulator).send(&simulator).await;
        let time = refused.json["timestamp"]
            .as_str()
            .unwrap()
            .replace(' ', "T");
        let time: Timestamp = time.parse().unwrap();
        assert_eq!(hours(time.as_second()), skew);

        let action =
            crate::client::offboard(&simulator, &crate::client::ready(&simulator).id).await;
        let created = action.json["creationDateTimeUtc"].as_str().unwrap();
        let created: Timestamp = created.parse().unwrap();
        assert_eq!(hours(created.as_second()), skew);
        assert_eq!(get(&simulator, "/api/machines?$top=1").await.status, 200);
    }
}
