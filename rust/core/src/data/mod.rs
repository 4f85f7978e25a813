//! Mail data: the octets between `DATA` and `<CRLF>.<CRLF>` (RFC 5321 §4.1.1.4, §4.5.2), in both directions; and the octets
//! of `BDAT` (RFC 3030).
//!
//! - [`DataDecoder`]: octets of the wire in, at any split; mail data out; then the end; then a [`DataReport`].
//! - [`ChunkDecoder`]: the same for chunks, whose ends are counted and not found.
//! - [`DataEncoder`]: mail data in; octets of the wire out.
//! - [`Room`]: memory of the caller's to write to.
//! - [`DataPolicies`]: what is done with what breaks a rule. The end of mail data is no policy.

mod block;
mod blocks;
mod chunk_decoder;
mod data_decoder;
mod decoder;
mod encoder;
mod handing;
mod policies;
mod report;
mod room;
mod state;
mod text;
mod transparency;
mod unix_text;

pub use chunk_decoder::{ChunkDecoder, ChunkMisuse};
pub use data_decoder::DataDecoder;
pub use encoder::DataEncoder;
pub use policies::{BarePolicy, DataPolicies, KeepPolicy, LineEnds};
pub use report::DataReport;
pub use room::Room;
pub use unix_text::with_crlf;
