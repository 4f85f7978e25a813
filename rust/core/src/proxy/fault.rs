//! What can be wrong with a PROXY header. None of it is answered: the connection is closed, as the specification asks (§2.1,
//! §2.2), so there is no reply here, only a name and a text for the log.

use std::fmt;

macro_rules! faults {
    ($( $(#[$doc:meta])* $fault:ident = $name:literal $text:literal; )+) => {
        /// A fault in a PROXY header.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProxyFault { $( $(#[$doc])* $fault, )+ }

        impl ProxyFault {
            /// Every fault.
            pub const ALL: &'static [Self] = &[ $( Self::$fault, )+ ];

            /// The stable name, for logs and tests.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Self::$fault => $name, )+ }
            }

            /// What is wrong, in a few words.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $( Self::$fault => $text, )+ }
            }
        }
    };
}

faults! {
    /// The octets begin neither version 1 nor version 2.
    NoHeader = "no-header" "what came is no PROXY header; the proxy has to send one, or not be trusted";
    /// Version 1: not TCP4, TCP6 or UNKNOWN.
    Protocol = "protocol" "the protocol is not TCP4, TCP6 or UNKNOWN";
    /// Version 1: an address that is none of its family.
    Address = "address" "malformed address";
    /// Version 1: not a number from 0 to 65535 without leading zeros.
    Port = "port" "malformed port";
    /// Version 1: a CR, an LF or an octet that is no text where the line has none.
    Line = "line" "the line is not text that ends in CRLF";
    /// Version 1: no CRLF in 107 octets.
    LineTooLong = "line-too-long" "no CRLF in 107 octets";
    /// A version that is not 2.
    Version = "version" "a version other than 2";
    /// Version 2: neither LOCAL nor PROXY.
    Command = "command" "a command other than LOCAL and PROXY";
    /// Version 2: an address family or a transport protocol that is not assigned.
    Family = "family" "an unassigned address family or transport protocol";
    /// Version 2: more octets than are waited for.
    TooLong = "too-long" "a header of over 4096 octets";
    /// Version 2: fewer octets than the addresses take.
    TooShort = "too-short" "fewer octets than the addresses take";
    /// Version 2: a length in a TLV that leads past its end, or is none its type may have.
    TlvLength = "tlv-length" "a TLV of a wrong length";
    /// Version 2: a type of which there can be one, twice: which of them to believe is not for us to guess.
    TlvRepeated = "tlv-repeated" "a TLV given twice";
    /// Version 2: text that is not UTF-8, or not printable.
    TlvText = "tlv-text" "a TLV whose text is not printable UTF-8";
    /// Version 2: the checksum is another.
    Checksum = "checksum" "the CRC32c checksum is wrong";
}

/// A fault at an octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyViolation {
    /// Which fault.
    pub fault: ProxyFault,
    /// Octets of the header before the one at fault; where a whole field is at fault, before the field.
    pub offset: usize,
}

impl ProxyViolation {
    pub(super) const fn new(fault: ProxyFault, offset: usize) -> Self {
        Self { fault, offset }
    }
}

impl fmt::Display for ProxyViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (octet {} of the PROXY header)", self.fault.text(), self.offset)
    }
}
