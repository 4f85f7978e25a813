//! What the reply to EHLO offers (RFC 5321 §4.1.1.1), and when.
//!
//! Takes keywords as they stand there, `DELIVERBY 240`; gives the lines, and the set of extensions, for a connection as it is:
//! some are offered only over TLS, STARTTLS only without.

use std::fmt::Write;

use super::settings::{Limits, Security};
use crate::command::{Attributes, DateTime, Extension, Extensions};

/// What a listener offers to its clients, arguments and all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offers {
    extensions: Extensions,
    /// The mechanisms of AUTH, in upper case.
    mechanisms: Vec<String>,
    /// DELIVERBY's least by-time, in seconds (RFC 2852 §3).
    deliver_by: Option<u32>,
    /// FUTURERELEASE's longest interval, in seconds, and its latest date-time (RFC 4865 §3).
    future_release: Option<(u32, DateTime)>,
    /// MT-PRIORITY's profile (RFC 6710 §3).
    mt_priority: Option<String>,
}

impl Default for Offers {
    /// What a server can honour by itself, and what mail of any octets needs.
    fn default() -> Self {
        Self {
            extensions: Extensions::USUAL,
            mechanisms: Vec::new(),
            deliver_by: None,
            future_release: None,
            mt_priority: None,
        }
    }
}

impl Offers {
    /// Nothing.
    #[must_use]
    pub fn none() -> Self {
        Self { extensions: Extensions::NONE, ..Self::default() }
    }

    /// Adds an extension, as its line in the reply to EHLO has it.
    ///
    /// # Errors
    /// What is wrong with the line, for whoever wrote it.
    pub fn add(&mut self, line: &str) -> Result<(), String> {
        let mut words = line.split(' ').filter(|word| !word.is_empty());
        let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
        let arguments: Vec<_> = words.collect();
        let extension = Extension::by_keyword(&keyword).ok_or_else(|| {
            let known: Vec<_> = Extension::ALL.iter().map(|extension| extension.keyword()).collect();
            format!("{keyword:?} is no extension that can be offered; there are {}", known.join(", "))
        })?;
        match (extension, &arguments[..]) {
            (Extension::Auth, [_, ..]) => {
                self.mechanisms = arguments.iter().map(|mechanism| mechanism.to_ascii_uppercase()).collect();
                if !self.mechanisms.iter().all(|mechanism| is_mechanism(mechanism)) {
                    return Err(format!("AUTH takes names of mechanisms, not {:?}", arguments.join(" ")));
                }
            }
            (Extension::Auth, []) => return Err("AUTH takes the mechanisms that are offered".to_owned()),
            (Extension::DeliverBy, []) | (Extension::MtPriority, []) => {}
            (Extension::DeliverBy, [seconds]) => {
                let least = seconds_of(seconds);
                self.deliver_by =
                    Some(least.ok_or_else(|| {
                        format!("DELIVERBY takes the least seconds, 1 to 999999999, not {seconds:?}")
                    })?);
            }
            (Extension::MtPriority, [profile]) if is_mechanism(profile) => {
                self.mt_priority = Some((*profile).to_owned());
            }
            (Extension::FutureRelease, arguments) => {
                let example = "FUTURERELEASE takes the most seconds, 1 to 999999999, and the latest date-time, as in FUTURERELEASE \
                               86400 2030-01-01T00:00:00Z";
                let release = match arguments {
                    [seconds, until] => seconds_of(seconds).zip(DateTime::parse(until).ok()),
                    _ => None,
                };
                self.future_release = Some(release.ok_or(example)?);
            }
            (_, []) => {}
            _ => return Err(format!("{keyword} takes no such argument: {:?}", arguments.join(" "))),
        }
        self.extensions = self.extensions.with(extension);
        Ok(())
    }

    /// The mechanisms of AUTH.
    #[must_use]
    pub fn mechanisms(&self) -> &[String] {
        &self.mechanisms
    }

    /// The least seconds of BY in mode R (RFC 2852 §3).
    #[must_use]
    pub const fn deliver_by(&self) -> Option<u32> {
        self.deliver_by
    }

    /// The most seconds of HOLDFOR, and the latest date-time of HOLDUNTIL.
    #[must_use]
    pub const fn future_release(&self) -> Option<(u32, DateTime)> {
        self.future_release
    }

    /// What is offered on a connection, with TLS or without.
    #[must_use]
    pub fn at(&self, tls: bool, security: &Security) -> Extensions {
        let hidden = |extension: Extension| match extension {
            Extension::StartTls => tls,
            // RFC 8689 section 3: not in the clear.
            Extension::RequireTls => !tls,
            Extension::Auth => self.mechanisms.is_empty() || !tls && !security.auth_without_tls,
            // RFC 3030 section 3: BINARYMIME without CHUNKING has no way in.
            Extension::BinaryMime => !self.extensions.contains(Extension::Chunking),
            _ => false,
        };
        self.extensions.iter().filter(|&extension| !hidden(extension)).collect()
    }

    /// The lines of the reply to EHLO after the first, each with a line feed before it. `max_size` is `u64::MAX` for no limit.
    pub(super) fn lines(&self, offered: Extensions, max_size: u64, limits: &Limits) -> String {
        let mut lines = String::new();
        for extension in offered.iter() {
            lines.push('\n');
            lines.push_str(extension.keyword());
            let mut argument = |argument: &dyn std::fmt::Display| {
                // Writing to a String does not fail.
                let _ = write!(lines, " {argument}");
            };
            match extension {
                Extension::Size if max_size != u64::MAX => argument(&max_size),
                Extension::Auth => self.mechanisms.iter().for_each(|mechanism| argument(mechanism)),
                Extension::DeliverBy => self.deliver_by.iter().for_each(|seconds| argument(seconds)),
                Extension::MtPriority => self.mt_priority.iter().for_each(|profile| argument(profile)),
                Extension::FutureRelease => self.future_release.iter().for_each(|(seconds, until)| {
                    argument(seconds);
                    argument(until);
                }),
                // RFC 9422 section 4: what is enforced, and nothing else.
                Extension::Limits => {
                    argument(&format_args!("RCPTMAX={}", limits.max_recipients));
                    if limits.max_messages != u32::MAX {
                        argument(&format_args!("MAILMAX={}", limits.max_messages));
                    }
                }
                Extension::Xclient => Attributes::of_xclient().iter().for_each(|name| argument(name)),
                Extension::Xforward => Attributes::of_xforward().iter().for_each(|name| argument(name)),
                _ => {}
            }
        }
        lines
    }
}

/// One to nine digits that are not all zero.
fn seconds_of(text: &str) -> Option<u32> {
    let digits = text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|&seconds| digits && seconds > 0)
}

fn is_mechanism(name: &str) -> bool {
    (1..=20).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(offers: &Offers, tls: bool, security: &Security) -> Vec<String> {
        let lines = offers.lines(offers.at(tls, security), 1000, &Limits::default());
        lines.split('\n').skip(1).map(str::to_owned).collect()
    }

    #[test]
    fn arguments_stand_behind_their_keywords() {
        let mut offers = Offers::none();
        for line in [
            "size",
            "DELIVERBY 240",
            "MT-PRIORITY MIXER",
            "FUTURERELEASE 86400 2030-01-01T00:00:00Z",
            "AUTH plain LOGIN",
            "LIMITS",
            "XCLIENT",
        ] {
            offers.add(line).unwrap();
        }
        let seen = lines(&offers, true, &Security::default());
        for line in [
            "SIZE 1000",
            "DELIVERBY 240",
            "MT-PRIORITY MIXER",
            "FUTURERELEASE 86400 2030-01-01T00:00:00Z",
            "AUTH PLAIN LOGIN",
            "LIMITS RCPTMAX=1000 MAILMAX=10000",
            "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT",
        ] {
            assert!(seen.iter().any(|seen| seen == line), "{line}: {seen:?}");
        }
        assert_eq!(seen.len(), 7);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, says) in [
            ("XYZZY", "no extension"),
            ("", "no extension"),
            ("AUTH", "mechanisms"),
            ("AUTH PLA=IN", "mechanisms"),
            ("DELIVERBY x", "least seconds"),
            ("DELIVERBY 0", "least seconds"),
            ("FUTURERELEASE", "latest date-time"),
            ("FUTURERELEASE 1 tomorrow", "latest date-time"),
            ("FUTURERELEASE +1 2030-01-01T00:00:00Z", "most seconds"),
            ("SIZE 5", "no such argument"),
            ("MT-PRIORITY a b", "no such argument"),
        ] {
            let error = Offers::none().add(line).unwrap_err();
            assert!(error.contains(says), "{line}: {error}");
        }
    }

    #[test]
    fn tls_decides_on_some() {
        let mut offers = Offers::none();
        for line in ["STARTTLS", "AUTH PLAIN", "REQUIRETLS", "BINARYMIME"] {
            offers.add(line).unwrap();
        }
        let (safe, unsafe_) = (Security::default(), Security { auth_without_tls: true, ..Security::default() });
        assert_eq!(lines(&offers, false, &safe), ["STARTTLS"]);
        assert_eq!(lines(&offers, false, &unsafe_).len(), 2);
        let mut seen = lines(&offers, true, &safe);
        seen.sort();
        assert_eq!(seen, ["AUTH PLAIN", "REQUIRETLS"]);
        offers.add("CHUNKING").unwrap();
        assert!(lines(&offers, true, &safe).contains(&"BINARYMIME".to_owned()));
    }
}
