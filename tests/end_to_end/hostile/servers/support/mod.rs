//! What the hostile servers are made of.

mod call;
mod certificate;
mod server;
mod tunnel;

pub(super) use call::{
    Answer, Call, NEW, SILENCE_DEADLINE, TOKEN, accepted, connection, delivery, failure, ok, plain,
    unreadable, within,
};
pub(crate) use certificate::{Authority, Identity};
pub(crate) use server::{Peer, Server};
pub(super) use tunnel::{Front, Tunnel, order};
