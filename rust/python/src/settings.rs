//! What Python's `Config` says, made once into what the core's sessions read.

use std::collections::HashSet;
use std::sync::Arc;

use lonedot_core::data::DataPolicies;
use lonedot_core::session::{Hostname, Limits, Questions, Settings as CoreSettings};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::command::dialect;
use crate::data::{bare_policy, keep_policy, line_ends};

/// `Settings(hostname, dialect, limits, policies, line_ends, seven_bit, questions)`: what a listener's sessions have in common.
///
/// `limits` and `policies` are read as `lonedot.Limits` and `lonedot.Policies` name their fields. `questions`: the commands
/// the application has a say in, of "hello", "mail", "rcpt", "data", "vrfy". Raises ValueError for what cannot be.
#[pyclass(frozen, module = "lonedot._core")]
pub(crate) struct Settings(pub(crate) Arc<CoreSettings>);

#[derive(FromPyObject)]
struct LimitsArgument {
    max_size: Option<u64>,
    max_line: u64,
    drain: u64,
    max_recipients: usize,
    max_errors: u32,
}

#[derive(FromPyObject)]
struct PoliciesArgument {
    bare_cr: String,
    bare_lf: String,
    long_line: String,
    nul: String,
    strict_grammar: bool,
}

#[pymethods]
impl Settings {
    #[new]
    #[pyo3(signature = (*, hostname, dialect, limits, policies, line_ends, seven_bit, questions))]
    #[allow(clippy::needless_pass_by_value)] // what FromPyObject gives is owned
    fn new(
        hostname: &str,
        dialect: &str,
        limits: LimitsArgument,
        policies: PoliciesArgument,
        line_ends: &str,
        seven_bit: bool,
        questions: HashSet<String>,
    ) -> PyResult<Self> {
        const KNOWN: [&str; 5] = ["hello", "mail", "rcpt", "data", "vrfy"];
        if let Some(unknown) = questions.iter().find(|question| !KNOWN.contains(&question.as_str())) {
            return Err(PyValueError::new_err(format!("questions takes {}, not {unknown:?}", KNOWN.join(", "))));
        }
        let asks = |question: &str| questions.contains(question);
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
            seven_bit,
            limits: Limits {
                max_recipients: limits.max_recipients,
                max_errors: limits.max_errors,
                drain: limits.drain,
            },
            questions: Questions {
                hello: asks("hello"),
                mail: asks("mail"),
                rcpt: asks("rcpt"),
                data: asks("data"),
                vrfy: asks("vrfy"),
            },
        })))
    }
}
