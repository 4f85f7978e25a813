//! Events as Python sees them. Commands that wait for a reply come as themselves (see `command`).

use lonedot_core::command::{Command, Secret};
use lonedot_core::data::DataReport as CoreReport;
use lonedot_core::session::{Abort, Event};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::command;
use crate::data::DataReport;
use crate::violation::Violation;

/// Mail data, in order, transparency undone. `.octets`: bytes, never empty.
#[pyclass(frozen, module = "lonedot._core")]
pub(crate) struct MailData(Py<PyBytes>);

#[pymethods]
impl MailData {
    #[classattr]
    fn __match_args__() -> (&'static str,) {
        ("octets",)
    }

    #[getter]
    fn octets(&self, py: Python<'_>) -> Py<PyBytes> {
        self.0.clone_ref(py)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("<MailData of {} octets>", self.0.as_bytes(py).len())
    }
}

/// Mail data is whole and broke no rule; waits for a reply. `.report`: the DataReport.
#[pyclass(frozen, module = "lonedot._core")]
pub(crate) struct EndOfMailData(CoreReport);

#[pymethods]
impl EndOfMailData {
    #[classattr]
    fn __match_args__() -> (&'static str,) {
        ("report",)
    }

    #[getter]
    fn report(&self) -> DataReport {
        self.0.into()
    }

    fn __repr__(&self) -> String {
        "<EndOfMailData>".to_owned()
    }
}

/// A line of an AUTH exchange (RFC 4954 section 4); waits for a reply: 235, 334 with a challenge in base64, or a negative one.
/// `.response`: bytes, base64 undone. No repr shows it.
#[pyclass(frozen, module = "lonedot._core")]
pub(crate) struct AuthResponse(Secret);

#[pymethods]
impl AuthResponse {
    #[classattr]
    fn __match_args__() -> (&'static str,) {
        ("response",)
    }

    #[getter]
    fn response<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.octets())
    }

    fn __repr__(&self) -> &'static str {
        "<AuthResponse>"
    }
}

/// A chunk of BDAT is whole and broke no rule, and the message goes on (RFC 3030 section 2); waits for a reply. `.size`: its octets.
#[pyclass(frozen, get_all, module = "lonedot._core")]
pub(crate) struct EndOfChunk {
    size: u64,
}

#[pymethods]
impl EndOfChunk {
    #[classattr]
    fn __match_args__() -> (&'static str,) {
        ("size",)
    }

    fn __repr__(&self) -> String {
        format!("<EndOfChunk of {} octets>", self.size)
    }
}

/// Mail data that was begun will not be delivered.
///
/// `.reason`: "eof", "reset", "timeout", "shutdown", "violation", or "abandoned" between two chunks. `.octets`: octets of the wire received
/// after the 354, or in chunks.
/// `.only_command`: "QUIT" or "RSET" when that was all there was, else None. `.violation`: the Violation or None. `.text`: what
/// happened, in one line.
#[pyclass(frozen, module = "lonedot._core")]
pub(crate) struct Aborted(Abort);

#[pymethods]
impl Aborted {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str, &'static str) {
        ("reason", "octets", "only_command")
    }

    #[getter]
    fn reason(&self) -> &'static str {
        self.0.reason.name()
    }

    #[getter]
    fn octets(&self) -> u64 {
        self.0.octets
    }

    #[getter]
    fn only_command(&self) -> Option<&'static str> {
        self.0.only_command
    }

    #[getter]
    fn violation(&self) -> Option<Violation> {
        self.0.violation.map(Violation)
    }

    #[getter]
    fn text(&self) -> String {
        self.0.text()
    }

    fn __repr__(&self) -> String {
        format!("<Aborted {}: {}>", self.reason(), self.text())
    }
}

/// The session has ended: send what is to be sent, and close. `.reason`: "quit", "eof", "reset", "timeout", "shutdown", "errors",
/// "limit", "drain" or "refused".
#[pyclass(frozen, get_all, module = "lonedot._core")]
pub(crate) struct Closed {
    reason: &'static str,
}

#[pymethods]
impl Closed {
    #[classattr]
    fn __match_args__() -> (&'static str,) {
        ("reason",)
    }

    fn __repr__(&self) -> String {
        format!("<Closed {}>", self.reason)
    }
}

/// Events as a list of their objects.
pub(crate) fn to_python(py: Python<'_>, events: Vec<Event>) -> PyResult<Bound<'_, PyList>> {
    let list = PyList::empty(py);
    for event in events {
        let object = match event {
            Event::Command(command) => command::to_python(py, command)?,
            Event::MailData(octets) => Bound::new(py, MailData(PyBytes::new(py, &octets).unbind()))?.into_any(),
            Event::AuthResponse(response) => Bound::new(py, AuthResponse(response))?.into_any(),
            Event::StartTls => command::to_python(py, Command::StartTls)?,
            Event::EndOfChunk(size) => Bound::new(py, EndOfChunk { size })?.into_any(),
            Event::EndOfMailData(report) => Bound::new(py, EndOfMailData(report))?.into_any(),
            Event::Aborted(abort) => Bound::new(py, Aborted(abort))?.into_any(),
            Event::Closed(close) => Bound::new(py, Closed { reason: close.name() })?.into_any(),
        };
        list.append(object)?;
    }
    Ok(list)
}
