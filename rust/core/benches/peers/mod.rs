//! What others do with mail data, each over the same chunks, each said to give what it is supposed to give.

use memchr::memmem;
use smtp_proto::request::receiver::DataReceiver;

/// A receiver of one message's mail data: appends to the buffer, answers whether the end has been seen.
pub(crate) trait Receiver {
    fn new() -> Self;
    fn take(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> bool;
}

/// The receiver of the crate `smtp-proto`: a search for LF dot, then octet by octet. It looks at no line's length, and it
/// begins as if inside a line, so that a dot which is the very first octet stays.
pub(crate) struct SmtpProto(DataReceiver);

impl Receiver for SmtpProto {
    fn new() -> Self {
        Self(DataReceiver::new())
    }

    fn take(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> bool {
        self.0.ingest(&mut chunk.iter(), out)
    }
}

/// The receiver of the same crate before it searched (0.1.6): octet by octet. It also begins inside a line, and takes the last
/// CRLF for a part of the terminator.
pub(crate) struct SmtpProtoOctets(smtp_proto_octets::request::receiver::DataReceiver);

impl Receiver for SmtpProtoOctets {
    fn new() -> Self {
        Self(smtp_proto_octets::request::receiver::DataReceiver::new())
    }

    fn take(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> bool {
        if out.is_empty() {
            // It takes CRLF back at the end, which was handed out with the piece before.
            out.extend_from_slice(b"\r\n");
        }
        self.0.ingest(&mut chunk.iter(), out)
    }
}

/// What one writes by hand: `memchr` for the LF of each line, which has to have its CR and to be no longer than 1000 octets;
/// the line is appended without its transparency dot. A line that lies in two chunks is put together first.
pub(crate) struct MemchrLines {
    begun: Vec<u8>,
}

impl Receiver for MemchrLines {
    fn new() -> Self {
        Self { begun: Vec::new() }
    }

    fn take(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> bool {
        let mut rest = chunk;
        while let Some(at) = memchr::memchr(b'\n', rest) {
            let (line, others) = rest.split_at(at + 1);
            rest = others;
            let ended = if self.begun.is_empty() {
                Self::line(line, out)
            } else {
                self.begun.extend_from_slice(line);
                let ended = Self::line(&self.begun, out);
                self.begun.clear();
                ended
            };
            if ended {
                return true;
            }
        }
        self.begun.extend_from_slice(rest);
        false
    }
}

impl MemchrLines {
    fn line(line: &[u8], out: &mut Vec<u8>) -> bool {
        let kept = line.strip_prefix(b".").unwrap_or(line);
        assert!(line.ends_with(b"\r\n") && kept.len() <= 1000, "a bare LF, or a line past the limit");
        if line == b".\r\n" {
            return true;
        }
        out.extend_from_slice(kept);
        false
    }
}

/// How often CRLF dot stands in the chunk, by `memmem` of the crate `memchr`: a bare scan. It enforces nothing and hands out
/// nothing, and does not see what lies in two chunks.
pub(crate) struct MemmemScan(memmem::Finder<'static>);

impl MemmemScan {
    pub(crate) fn new() -> Self {
        Self(memmem::Finder::new(b"\r\n."))
    }

    pub(crate) fn count(&self, chunk: &[u8]) -> usize {
        self.0.find_iter(chunk).count()
    }
}
