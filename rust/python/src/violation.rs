//! Peer faults as Python sees them: `Violation`, and the two exceptions for callers that asked for all or nothing.

use lonedot_core::violation::Violation as Fault;
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::reply::Reply;

create_exception!(
    lonedot._core,
    MailDataError,
    PyValueError,
    "Mail data that broke a rule, or whose end was not seen. `.violation` is the Violation, `.report` the DataReport or None."
);
create_exception!(
    lonedot._core,
    CommandError,
    PyValueError,
    "A command line that breaks the grammar. `.violation` is the Violation, `.reply` the Reply to send."
);

/// What a peer did wrong, at which octet.
///
/// `.name` stable, such as "bare-lf"; `.code` and `.enhanced` of the reply to send; `.text` what was wrong, where, and what
/// to do; `.offset` octets before the one at fault, in the mail data as it came over the wire or in the command line;
/// `.section` of the RFC.
#[pyclass(frozen, eq, hash, module = "lonedot._core")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Violation(pub(crate) Fault);

#[pymethods]
impl Violation {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str) {
        ("name", "offset")
    }

    #[getter]
    fn name(&self) -> &'static str {
        self.0.fault.row().name
    }

    #[getter]
    fn code(&self) -> u16 {
        self.0.fault.row().code
    }

    #[getter]
    fn enhanced(&self) -> String {
        self.0.fault.row().enhanced.to_string()
    }

    #[getter]
    fn text(&self) -> String {
        self.0.text()
    }

    #[getter]
    fn offset(&self) -> u64 {
        self.0.offset
    }

    #[getter]
    fn section(&self) -> &'static str {
        self.0.fault.row().section
    }

    /// The Reply to send.
    fn reply(&self) -> Reply {
        Reply(self.0.reply())
    }

    fn __repr__(&self) -> String {
        format!("<Violation {}: {}>", self.name(), self.text())
    }
}
