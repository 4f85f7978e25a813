//! The parameters of MAIL and RCPT as Python sees them.

use lonedot_core::command;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// The parameters of MAIL or RCPT (RFC 5321 section 4.1.2), typed where their extension is known.
///
/// Of MAIL, None or False where they were not given:
///
/// - `.size`: octets declared (RFC 1870).
/// - `.body`: "7BIT", "8BITMIME" or "BINARYMIME" (RFC 6152, RFC 3030).
/// - `.smtputf8`: whether it was asked for (RFC 6531).
/// - `.ret`: what a notification of failure returns, "FULL" or "HDRS" (RFC 3461 section 4.3).
/// - `.envid`: the envelope's identifier, decoded: printable ASCII (RFC 3461 section 4.4).
/// - `.auth`: who submitted the message, as the client has been told: a mailbox, decoded, or "" for <>, which says that
///   nobody knows. Not to be believed of a client that is not trusted (RFC 4954 section 5).
/// - `.requiretls`: whether TLS is required on the whole way (RFC 8689).
/// - `.by`: by when to deliver, a By (RFC 2852).
/// - `.hold_for`: seconds from 1 to 999999999 to hold the message for (RFC 4865). Never with `.hold_until`.
/// - `.hold_until`: until when to hold it (RFC 4865): in UTC whatever was sent, as in "2030-01-31T12:00:00Z", so that two of
///   them compare as text, and `datetime.fromisoformat` reads them. A fraction of a second is the next whole one.
/// - `.mt_priority`: from -9 to 9, the highest the most urgent (RFC 6710).
/// - `.transid`: the transaction's identifier as sent, with its brackets (RFC 1845).
///
/// Of RCPT, None where they were not given:
///
/// - `.notify`: of what the sender is to be notified: ("NEVER",), or some of "SUCCESS", "FAILURE" and "DELAY" in this order
///   (RFC 3461 section 4.1).
/// - `.orcpt`: the recipient as the sender named it, an Orcpt (RFC 3461 section 4.2, RFC 6533).
///
/// All of them as sent, in order: `.items()`, with keywords in upper case and None where there was no value;
/// `parameters["KEYWORD"]` raises KeyError, `.get` does not.
#[pyclass(frozen, eq, module = "lonedot._core")]
#[derive(PartialEq, Eq)]
pub(crate) struct Parameters(pub(crate) command::Parameters);

#[pymethods]
impl Parameters {
    #[getter]
    fn size(&self) -> Option<u64> {
        self.0.size()
    }

    #[getter]
    fn body(&self) -> Option<&'static str> {
        self.0.body().map(command::Body::name)
    }

    #[getter]
    fn smtputf8(&self) -> bool {
        self.0.smtputf8()
    }

    #[getter]
    fn ret(&self) -> Option<&'static str> {
        self.0.ret().map(command::Ret::name)
    }

    #[getter]
    fn envid(&self) -> Option<&str> {
        self.0.envid()
    }

    #[getter]
    fn auth(&self) -> Option<&str> {
        self.0.auth()
    }

    #[getter]
    fn requiretls(&self) -> bool {
        self.0.requiretls()
    }

    #[getter]
    fn by(&self) -> Option<By> {
        self.0.by().map(By)
    }

    #[getter]
    fn hold_for(&self) -> Option<u32> {
        self.0.hold_for()
    }

    #[getter]
    fn hold_until(&self) -> Option<String> {
        self.0.hold_until().map(|date_time| date_time.to_string())
    }

    #[getter]
    fn mt_priority(&self) -> Option<i8> {
        self.0.mt_priority()
    }

    #[getter]
    fn transid(&self) -> Option<&str> {
        self.0.transid()
    }

    #[getter]
    fn notify<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        self.0.notify().map(|notify| PyTuple::new(py, notify.names().collect::<Vec<_>>())).transpose()
    }

    #[getter]
    fn orcpt(&self) -> Option<Orcpt> {
        self.0.orcpt().cloned().map(Orcpt)
    }

    fn items(&self) -> Vec<(&str, Option<&str>)> {
        self.0.all().iter().map(|parameter| (parameter.keyword.as_str(), parameter.value.as_deref())).collect()
    }

    #[pyo3(signature = (keyword, default=None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        keyword: &str,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.find(keyword) {
            Some(value) => value.map(|value| Ok(value.into_pyobject(py)?.into_any())).transpose(),
            None => Ok(default),
        }
    }

    fn __getitem__(&self, keyword: &str) -> PyResult<Option<&str>> {
        self.find(keyword).ok_or_else(|| PyKeyError::new_err(keyword.to_owned()))
    }

    fn __contains__(&self, keyword: &str) -> bool {
        self.find(keyword).is_some()
    }

    fn __len__(&self) -> usize {
        self.0.all().len()
    }

    pub(crate) fn __repr__(&self) -> String {
        let all = self.0.all().iter().map(|parameter| match &parameter.value {
            Some(value) => format!("{}={value}", parameter.keyword),
            None => parameter.keyword.clone(),
        });
        format!("<Parameters {}>", all.collect::<Vec<_>>().join(" "))
    }
}

impl Parameters {
    fn find(&self, keyword: &str) -> Option<Option<&str>> {
        let mut all = self.0.all().iter();
        all.find(|parameter| parameter.keyword.eq_ignore_ascii_case(keyword))
            .map(|parameter| parameter.value.as_deref())
    }
}

/// By when a message is to be delivered (RFC 2852 section 4).
///
/// `.seconds` from the coming of MAIL, -999999999 to 999999999; with the mode "R" at least 1. `.mode`: what is done when they
/// are over: "N" notifies the sender and goes on, "R" returns the message. `.trace`: whether the sender is to be notified
/// also where the message is relayed to a server without this extension.
#[pyclass(frozen, eq, hash, module = "lonedot._core")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct By(command::By);

#[pymethods]
impl By {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str, &'static str) {
        ("seconds", "mode", "trace")
    }

    #[getter]
    fn seconds(&self) -> i32 {
        self.0.seconds
    }

    #[getter]
    fn mode(&self) -> &'static str {
        self.0.mode.name()
    }

    #[getter]
    fn trace(&self) -> bool {
        self.0.trace
    }

    fn __repr__(&self) -> String {
        let trace = if self.0.trace { "True" } else { "False" };
        format!("By({}, {:?}, {trace})", self.0.seconds, self.mode())
    }
}

/// The recipient as the sender named it (RFC 3461 section 4.2).
///
/// `.type` of the address as sent: "rfc822", "utf-8" (RFC 6533) or another, in any case. `.address`, decoded: printable ASCII,
/// and of the type "utf-8" all that prints. It need not be a mailbox, nor anything at all.
#[pyclass(frozen, eq, hash, module = "lonedot._core")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Orcpt(command::Orcpt);

#[pymethods]
impl Orcpt {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str) {
        ("type", "address")
    }

    #[getter]
    fn r#type(&self) -> &str {
        &self.0.addr_type
    }

    #[getter]
    fn address(&self) -> &str {
        &self.0.address
    }

    fn __repr__(&self) -> String {
        format!("Orcpt({:?}, {:?})", self.0.addr_type, self.0.address)
    }
}
