//! The parameters of MAIL and RCPT as Python sees them.

use lonedot_core::command;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;

/// The parameters of MAIL or RCPT (RFC 5321 section 4.1.2), typed where their extension is known.
///
/// `.size`: octets declared (RFC 1870) or None. `.body`: "7BIT", "8BITMIME", "BINARYMIME" or None (RFC 6152, RFC 3030).
/// `.smtputf8`: whether it was asked for (RFC 6531). All of them, in order: `.items()`, with keywords in upper case and None
/// where there was no value; `parameters["KEYWORD"]` raises KeyError, `.get` does not.
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
