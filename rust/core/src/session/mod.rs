//! The server side of one connection, without a socket or a clock (RFC 5321 §3, §4.1.4; RFC 2033).
//!
//! - [`Session`]: octets in, [`Event`]s out; replies in, octets out.
//! - [`table`]: which command may come when, as data.
//! - [`Settings`]: what a listener's sessions have in common.
//!
//! An event that is a command waits for a reply; so do a line of an AUTH exchange and the end of a chunk and of mail data. While one waits the session is *paused*: it
//! interprets nothing more and retains what it is given.

mod event;
mod incoming;
mod lines;
mod offers;
mod owed;
mod performing;
mod permit;
mod receiving;
mod replies;
#[allow(clippy::module_inception)] // a file is one noun, and this one is the folder's
mod session;
mod settings;
mod skipping;
pub mod table;
mod talk;
mod transaction;

pub use event::{Abort, AbortReason, Close, Event};
pub use offers::Offers;
pub use owed::Misuse;
pub use session::{MAX_RETAINED, MAX_UNSENT, Session};
pub use settings::{EarlyTalkPolicy, Hostname, Limits, Questions, Security, Settings};
pub use talk::{EarlyTalk, Talk};
