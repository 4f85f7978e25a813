//! Events as Python sees them. Commands that wait for a reply come as themselves (see `command`).

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

/// Mail data that was begun will not be delivered.
///
/// `.reason`: "eof", "reset", "timeout", "shutdown" or "violation". `.octets`: octets of the wire received after the 354.
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
/// "drain" or "refused".
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
            Event::EndOfMailData(report) => Bound::new(py, EndOfMailData(report))?.into_any(),
            Event::Aborted(abort) => Bound::new(py, Aborted(abort))?.into_any(),
            Event::Closed(close) => Bound::new(py, Closed { reason: close.name() })?.into_any(),
        };
        list.append(object)?;
    }
    Ok(list)
}
