//! What Python's `Config` says, made once into what the core's sessions read.

use std::collections::HashSet;
use std::sync::Arc;

use lonedot_core::data::DataPolicies;
use lonedot_core::session::{EarlyTalkPolicy, Hostname, Limits, Offers, Questions, Security, Settings as CoreSettings};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::command::dialect;
use crate::data::{bare_policy, keep_policy, line_ends};

/// `Settings(hostname, dialect, limits, policies, line_ends, extensions, security, questions)`: what a listener's sessions have in
/// common.
///
/// `limits` and `policies` are read as `lonedot.Limits` and `lonedot.Policies` name their fields. `extensions`: lines of the reply to
/// EHLO, such as "SIZE", "AUTH PLAIN LOGIN" or "DELIVERBY 240"; some are shown only with TLS, STARTTLS only without. `security`: of
/// "auth-without-tls", "require-auth", "require-tls". `questions`: the commands the application has a say in, of "hello", "mail", "rcpt",
/// "data", "vrfy", "expn", "help", "etrn", "noop", "rset", "quit", "unknown". Raises ValueError for what cannot be.
#[pyclass(frozen, module = "lonedot._core")]
pub(crate) struct Settings(pub(crate) Arc<CoreSettings>);

#[derive(FromPyObject)]
struct LimitsArgument {
    max_size: Option<u64>,
    max_line: u64,
    drain: u64,
    max_recipients: usize,
    max_errors: u32,
    max_messages: Option<u32>,
    max_session_octets: Option<u64>,
}

#[derive(FromPyObject)]
struct PoliciesArgument {
    bare_cr: String,
    bare_lf: String,
    long_line: String,
    nul: String,
    strict_grammar: bool,
    early_talk: String,
    unknown_parameters: String,
}

#[pymethods]
impl Settings {
    #[new]
    #[pyo3(signature = (*, hostname, dialect, limits, policies, line_ends, extensions, security, questions))]
    #[allow(clippy::needless_pass_by_value, clippy::too_many_arguments)] // what FromPyObject gives is owned, and all are named
    fn new(
        hostname: &str,
        dialect: &str,
        limits: LimitsArgument,
        policies: PoliciesArgument,
        line_ends: &str,
        extensions: Vec<String>,
        security: HashSet<String>,
        questions: HashSet<String>,
    ) -> PyResult<Self> {
        let asks = chosen(
            "questions",
            &["hello", "mail", "rcpt", "data", "vrfy", "expn", "help", "etrn", "noop", "rset", "quit", "unknown"],
            &questions,
        )?;
        let secures = chosen("security", &["auth-without-tls", "require-auth", "require-tls"], &security)?;
        let mut offers = Offers::none();
        for line in &extensions {
            offers.add(line).map_err(|error| PyValueError::new_err(format!("extensions: {error}")))?;
        }
        Ok(Self(Arc::new(CoreSettings {
            hostname: Hostname::new(hostname).ok_or_else(|| {
                PyValueError::new_err(format!("hostname takes 1 to 255 printable ASCII characters, not {hostname:?}"))
            })?,
            dialect: self::dialect(dialect)?,
            strict_grammar: policies.strict_grammar,
            data: DataPolicies {
                max_size: limits.max_size.unwrap_or(u64::MAX),
                max_line: limits.max_line,
                long_line: keep_policy(&policies.long_line, "long_line")?,
                bare_cr: bare_policy(&policies.bare_cr, "bare_cr")?,
                bare_lf: bare_policy(&policies.bare_lf, "bare_lf")?,
                nul: keep_policy(&policies.nul, "nul")?,
                line_ends: self::line_ends(line_ends)?,
            },
            backend: crate::backend()?,
            offers,
            security: Security {
                auth_without_tls: secures("auth-without-tls"),
                require_auth: secures("require-auth"),
                require_tls: secures("require-tls"),
            },
            early_talk: match policies.early_talk.as_str() {
                "note" => EarlyTalkPolicy::Note,
                "reject" => EarlyTalkPolicy::Reject,
                other => {
                    return Err(PyValueError::new_err(format!("early_talk takes 'note' or 'reject', not {other:?}")));
                }
            },
            unknown_parameters: keep_policy(&policies.unknown_parameters, "unknown_parameters")?,
            limits: Limits {
                max_recipients: limits.max_recipients,
                max_errors: limits.max_errors,
                drain: limits.drain,
                max_messages: limits.max_messages.unwrap_or(u32::MAX),
                max_session_octets: limits.max_session_octets.unwrap_or(u64::MAX),
            },
            questions: Questions {
                hello: asks("hello"),
                mail: asks("mail"),
                rcpt: asks("rcpt"),
                data: asks("data"),
                vrfy: asks("vrfy"),
                expn: asks("expn"),
                help: asks("help"),
                etrn: asks("etrn"),
                noop: asks("noop"),
                rset: asks("rset"),
                quit: asks("quit"),
                unknown: asks("unknown"),
            },
        })))
    }
}

/// Whether a name was chosen. Fails for one that is not known.
fn chosen<'a>(what: &str, known: &[&str], names: &'a HashSet<String>) -> PyResult<impl Fn(&str) -> bool + use<'a>> {
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(PyValueError::new_err(format!("{what} takes {}, not {unknown:?}", known.join(", ")))),
        None => Ok(|name: &str| names.contains(name)),
    }
}
