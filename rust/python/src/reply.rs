//! `Reply` as Python sees it.

use lonedot_core::{Enhanced, Reply as CoreReply};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// `Reply(code, enhanced=None, text="")`: a reply to a command, or to a message (RFC 5321 section 4.2).
///
/// `code`: 200 to 559. `enhanced`: "class.subject.detail" (RFC 3463), its class the code's first digit. `text`: printable
/// ASCII, lines separated by "\n"; lines over 512 octets are folded. Raises ValueError for what cannot be sent.
#[pyclass(frozen, eq, module = "lonedot._core")]
#[derive(PartialEq, Eq)]
pub(crate) struct Reply(pub(crate) CoreReply);

#[pymethods]
impl Reply {
    #[new]
    #[pyo3(signature = (code, enhanced=None, text=""))]
    fn new(code: i64, enhanced: Option<&str>, text: &str) -> PyResult<Self> {
        let refuse = |error: lonedot_core::ReplyError| PyValueError::new_err(error.to_string());
        // What is no u16 is no reply code either.
        let code = u16::try_from(code).unwrap_or(u16::MAX);
        let enhanced = enhanced.map(Enhanced::parse).transpose().map_err(refuse)?;
        CoreReply::new(code, enhanced, text.to_owned()).map(Self).map_err(refuse)
    }

    #[classattr]
    fn __match_args__() -> (&'static str, &'static str, &'static str) {
        ("code", "enhanced", "text")
    }

    #[getter]
    fn code(&self) -> u16 {
        self.0.code()
    }

    #[getter]
    fn enhanced(&self) -> Option<String> {
        self.0.enhanced().map(|enhanced| enhanced.to_string())
    }

    #[getter]
    fn text(&self) -> &str {
        self.0.text()
    }

    /// The octets of the wire, CRLF and all.
    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let mut wire = Vec::new();
        self.0.write_to(&mut wire);
        PyBytes::new(py, &wire)
    }

    fn __hash__(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        (self.0.code(), self.0.enhanced(), self.0.text()).hash(&mut hasher);
        hasher.finish()
    }

    /// In one line, as logs want it: `250 2.1.0 Ok`.
    fn __str__(&self) -> String {
        let enhanced = self.0.enhanced().map(|enhanced| format!(" {enhanced}")).unwrap_or_default();
        format!("{}{enhanced} {}", self.0.code(), self.0.text().replace('\n', " "))
    }

    fn __repr__(&self) -> String {
        let enhanced = self.0.enhanced().map_or_else(|| "None".to_owned(), |enhanced| format!("'{enhanced}'"));
        format!("Reply({}, {enhanced}, {:?})", self.0.code(), self.0.text())
    }
}
