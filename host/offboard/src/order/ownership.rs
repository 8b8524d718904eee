//! Which actions are an order's own: the one place where an action is compared with an order, by
//! the external id and by the comment.

use super::Order;
use crate::{
    contract::MachineAction,
    external_id::{ExternalIdSupport, is_of_an_order, is_same},
};

impl Order {
    /// Whether an action of its machine belongs to this order. `support` is what the account's
    /// service has shown about external ids. The caller checks the machine, and whether the
    /// action is new.
    ///
    /// An action with the order's external id is its own, whatever its comment. An action with
    /// the external id of another order never is. If the service shows external ids, and every
    /// request of this order that may have been carried out had its id, an action without that
    /// id is not its own, either. Otherwise, the comment decides: the action may be older than
    /// what is known about the service, or the service may change or drop the id.
    #[must_use]
    pub fn owns(&self, action: &MachineAction, support: Option<ExternalIdSupport>) -> bool {
        if self.has_external_id_of(action) {
            return true;
        }
        let is_echoed = support == Some(ExternalIdSupport::Echoed);
        let must_have_id = is_echoed && self.sent_external_id().is_some();
        if must_have_id || self.is_of_another_order(action) {
            return false;
        }
        self.has_comment_of(action)
    }

    /// Whether an action of its machine already does what this order requests, before the order is
    /// sent: it has the order's external id, because the ledger lost that request; or it has the
    /// same comment, regardless of the client. The comment is enough even if the external id
    /// differs: the order of a lost ledger has another id, and must not be sent twice.
    #[must_use]
    pub fn is_carried_out_by(&self, action: &MachineAction) -> bool {
        self.has_external_id_of(action) || self.has_comment_of(action)
    }

    /// Whether an action has this order's external id.
    #[must_use]
    pub fn has_external_id_of(&self, action: &MachineAction) -> bool {
        let found = action.external_id.as_deref();
        let ids = self.external_id().zip(found);
        ids.is_some_and(|(own, found)| is_same(own, found))
    }

    /// Whether an action has the external id of another order.
    #[must_use]
    pub fn is_of_another_order(&self, action: &MachineAction) -> bool {
        let found = action.external_id.as_deref().unwrap_or_default();
        is_of_an_order(found) && !self.has_external_id_of(action)
    }

    /// What the listed action of this order shows about the service; `None` if its requests had
    /// no external id, or if the action existed before the request.
    #[must_use]
    pub fn shown_support(&self, listed: &MachineAction) -> Option<ExternalIdSupport> {
        if self.has_external_id_of(listed) {
            return Some(ExternalIdSupport::Echoed);
        }
        let is_its_request = self.sent_external_id().is_some() && !self.is_adopted();
        is_its_request.then_some(ExternalIdSupport::NotEchoed)
    }

    fn has_comment_of(&self, action: &MachineAction) -> bool {
        action.requestor_comment.as_deref() == Some(self.comment().as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{
        external_id::of_order,
        order::{Recorded, State, Target},
    };

    fn run() -> uuid::Uuid {
        uuid::Uuid::from_u128(7)
    }

    /// The second order of a run, whose comment is "Lost".
    fn order(is_external_id_sent: bool) -> Order {
        let recorded = Recorded {
            machine: None,
            name: None,
            state: State::Unknown,
            action: None,
            problem: None,
            is_adopted: false,
            preflight: None,
            external_id: Some(of_order(run(), 2).parse().unwrap()),
            is_external_id_sent,
        };
        let target = Target::Name("pc-1".to_owned());
        Order::recorded(target, "Lost".parse().unwrap(), recorded)
    }

    fn action(comment: &str, external_id: Option<&str>) -> MachineAction {
        MachineAction {
            requestor_comment: Some(comment.to_owned()),
            external_id: external_id.map(ToOwned::to_owned),
            ..MachineAction::bare("a")
        }
    }

    #[test]
    fn an_action_with_the_order_s_id_is_its_own_whatever_the_comment() {
        use ExternalIdSupport::{Accepted, Echoed, NotEchoed, Refused};
        let own = of_order(run(), 2);
        let (upper, other) = (own.to_uppercase(), of_order(run(), 1));
        for support in [
            None,
            Some(Accepted),
            Some(Echoed),
            Some(NotEchoed),
            Some(Refused),
        ] {
            for is_sent in [true, false] {
                let order = order(is_sent);
                assert!(order.owns(&action("Stolen", Some(&own)), support));
                assert!(order.owns(&action("Stolen", Some(&upper)), support));
                assert!(!order.owns(&action("Lost", Some(&other)), support));
                assert!(!order.owns(&action("Stolen", None), support));
            }
        }
    }

    #[test]
    fn without_its_id_an_action_is_an_order_s_only_by_what_is_known() {
        use ExternalIdSupport::{Accepted, Echoed, NotEchoed, Refused};
        let own = of_order(run(), 2);
        let cut = &own[..32];
        for found in [None, Some(""), Some("INC-1"), Some(cut)] {
            let action = action("Lost", found);
            for support in [None, Some(Accepted), Some(NotEchoed), Some(Refused)] {
                assert!(order(true).owns(&action, support), "{found:?} {support:?}");
            }
            assert!(!order(true).owns(&action, Some(Echoed)), "{found:?}");
            // An order that was sent without an id, or by an older version.
            assert!(order(false).owns(&action, Some(Echoed)), "{found:?}");
        }
    }

    #[test]
    fn before_it_is_sent_the_comment_or_the_id_is_enough() {
        let own = of_order(run(), 2);
        let other = of_order(run(), 1);
        let order = order(false);
        assert!(order.is_carried_out_by(&action("Stolen", Some(&own))));
        assert!(order.is_carried_out_by(&action("Lost", Some(&other))));
        assert!(!order.is_carried_out_by(&action("Stolen", Some(&other))));
        assert!(!order.is_carried_out_by(&action("Stolen", None)));
    }

    #[test]
    fn only_an_action_of_its_own_request_shows_that_ids_are_not_returned() {
        let own = of_order(run(), 2);
        let echoed = Some(ExternalIdSupport::Echoed);
        let not_echoed = Some(ExternalIdSupport::NotEchoed);
        let without = action("Lost", None);
        assert_eq!(order(true).shown_support(&action("x", Some(&own))), echoed);
        assert_eq!(order(true).shown_support(&without), not_echoed);
        let cut = action("Lost", Some(&own[..32]));
        assert_eq!(order(true).shown_support(&cut), not_echoed);
        assert_eq!(order(false).shown_support(&without), None);
        let mut adopted = order(true);
        adopted.mark_adopted();
        assert_eq!(adopted.shown_support(&without), None);
    }
}
