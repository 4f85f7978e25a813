//! What a transaction gathers until it is a message (RFC 5321 §3.3).

use super::incoming::Incoming;
use crate::command::{Mail, Rcpt};

/// The three buffers of RFC 5321 §4.1.1: reverse-path, forward-paths, and mail data on its way.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) mail: Mail,
    pub(super) rcpts: Vec<Rcpt>,
    pub(super) incoming: Option<Incoming>,
}

impl Transaction {
    pub(super) const fn new(mail: Mail) -> Self {
        Self { mail, rcpts: Vec::new(), incoming: None }
    }

    /// Whether the application wants no more of its mail data.
    pub(super) fn is_discarded(&self) -> bool {
        self.incoming.as_ref().is_some_and(Incoming::is_discarded)
    }
}
