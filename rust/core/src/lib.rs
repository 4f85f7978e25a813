//! The receiving side of SMTP (RFC 5321) and LMTP (RFC 2033), without I/O, clock, logging or threads.
//!
//! Data flows one way, and a module imports only what stands to the left of it:
//!
//! ```text
//! scan ─► data ─► header; data, command ─► session
//! proxy: before the session, and apart from it
//!         reply, violation: the words all of them use
//! ```
//!
//! - [`data`]: the octets between `DATA` and `<CRLF>.<CRLF>`, in both directions.
//! - [`header`]: the header section of a message, judged while its mail data streams by.
//! - [`command`]: one command line, parsed.
//! - [`proxy`]: what a proxy says of its client before all that.
//! - [`session`]: a whole connection: octets in, events out; replies in, octets out.
//! - [`violation`]: everything a peer can do wrong, in one table.
//!
//! What a peer sends never panics and never makes anything here grow without bound.

pub mod command;
pub mod data;
pub mod header;
pub mod mbox;
pub mod proxy;
pub mod reply;
pub mod scan;
pub mod session;
pub mod violation;

pub use reply::{Enhanced, Reply, ReplyError};
pub use violation::{Fault, Violation};
