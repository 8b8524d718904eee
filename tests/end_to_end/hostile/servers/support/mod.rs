//! What the hostile servers are made of.

mod call;
mod certificate;
mod server;
mod tunnel;

pub(super) use call::{
    Answer, Call, NEW, TOKEN, accepted, connection, delivery, failure, ok, plain, unreadable,
    within,
};
pub(super) use certificate::{Authority, Identity};
pub(super) use server::{Peer, Server};
pub(super) use tunnel::{Front, Tunnel, order};
