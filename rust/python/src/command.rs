//! Commands as Python sees them: one frozen class each, and `parse_command`.

use lonedot_core::command::{
    self, Attributes, Command, Dialect, Etrn as CoreEtrn, Extension, Extensions, Grammar, Hello, Notes, Text,
};
use lonedot_core::violation::Violation as CoreViolation;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::octets::Octets;
use crate::parameters::Parameters;
use crate::reply::Reply;
use crate::violation::{CommandError, Violation};

pub(crate) fn dialect(name: &str) -> PyResult<Dialect> {
    match name {
        "smtp" => Ok(Dialect::Smtp),
        "lmtp" => Ok(Dialect::Lmtp),
        _ => Err(PyValueError::new_err(format!("dialect takes 'smtp' or 'lmtp', not {name:?}"))),
    }
}

/// A set of extensions from an iterable of their keywords.
fn extensions(keywords: &Bound<'_, PyAny>) -> PyResult<Extensions> {
    let mut extensions = Extensions::NONE;
    for keyword in keywords.try_iter()? {
        let keyword: String = keyword?.extract()?;
        let known = Extension::by_keyword(&keyword).ok_or_else(|| {
            let known: Vec<_> = Extension::ALL.iter().map(|extension| extension.keyword()).collect();
            PyValueError::new_err(format!("extensions takes keywords out of {}, not {keyword:?}", known.join(", ")))
        });
        extensions = extensions.with(known?);
    }
    Ok(extensions)
}

fn notes<'py>(py: Python<'py>, notes: Notes) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(py, notes.names().collect::<Vec<_>>())
}

/// Classes that hold one text and nothing else.
macro_rules! one_text {
    ($( $(#[$doc:meta])* $class:ident($core:ident).$field:ident )+) => { $(
        $(#[$doc])*
        #[pyclass(frozen, eq, module = "lonedot._core")]
        #[derive(PartialEq, Eq)]
        pub(crate) struct $class($core);

        #[pymethods]
        impl $class {
            #[classattr]
            fn __match_args__() -> (&'static str,) {
                (stringify!($field),)
            }

            #[getter]
            fn $field(&self) -> &str {
                &self.0.$field
            }

            fn __repr__(&self) -> String {
                format!("{}({:?})", stringify!($class), self.0.$field)
            }
        }
    )+ };
}

one_text! {
    /// EHLO (RFC 5321 section 4.1.1.1). `.name`: the domain or address literal as sent.
    Ehlo(Hello).name
    /// HELO (RFC 5321 section 4.1.1.1). `.name`: the domain or address literal as sent.
    Helo(Hello).name
    /// LHLO (RFC 2033 section 4.1). `.name`: the domain or address literal as sent.
    Lhlo(Hello).name
    /// NOOP (RFC 5321 section 4.1.1.9). `.argument`: the text after it, "" when there was none.
    Noop(Text).argument
    /// VRFY (RFC 5321 section 4.1.1.6). `.argument`: a user name or a mailbox.
    Vrfy(Text).argument
    /// EXPN (RFC 5321 section 4.1.1.7). `.argument`: a mailing list.
    Expn(Text).argument
    /// HELP (RFC 5321 section 4.1.1.8). `.argument`: the topic, "" when there was none.
    Help(Text).argument
    /// ETRN (RFC 1985 section 5). `.node`: a domain, with "@" before it for its subdomains too, or "#" and a name.
    Etrn(CoreEtrn).node
}

/// Classes that hold nothing.
macro_rules! bare {
    ($( $(#[$doc:meta])* $class:ident )+) => { $(
        $(#[$doc])*
        #[pyclass(frozen, eq, module = "lonedot._core")]
        #[derive(PartialEq, Eq)]
        pub(crate) struct $class;

        #[pymethods]
        impl $class {
            #[classattr]
            fn __match_args__(py: Python<'_>) -> Bound<'_, PyTuple> {
                PyTuple::empty(py)
            }

            fn __repr__(&self) -> &'static str {
                concat!(stringify!($class), "()")
            }
        }
    )+ };
}

bare! {
    /// DATA (RFC 5321 section 4.1.1.4).
    Data
    /// RSET (RFC 5321 section 4.1.1.5).
    Rset
    /// QUIT (RFC 5321 section 4.1.1.10).
    Quit
    /// STARTTLS (RFC 3207 section 4). As an event of a session: send what is to be sent, which ends in its 220, begin the
    /// handshake, then call `tls_started()`.
    StartTls
}

/// BDAT (RFC 3030 section 2). `.size`: octets that follow. `.last`: whether the message ends with them.
#[pyclass(frozen, eq, get_all, module = "lonedot._core")]
#[derive(PartialEq, Eq)]
pub(crate) struct Bdat {
    size: u64,
    last: bool,
}

#[pymethods]
impl Bdat {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str) {
        ("size", "last")
    }

    fn __repr__(&self) -> String {
        format!("Bdat({}, {})", self.size, if self.last { "True" } else { "False" })
    }
}

/// AUTH (RFC 4954 section 4). `.mechanism` in upper case; `.initial`: the initial response, base64 undone, or None. No repr shows it.
#[pyclass(frozen, eq, module = "lonedot._core")]
#[derive(PartialEq, Eq)]
pub(crate) struct Auth(command::Auth);

#[pymethods]
impl Auth {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str) {
        ("mechanism", "initial")
    }

    #[getter]
    fn mechanism(&self) -> &str {
        &self.0.mechanism
    }

    #[getter]
    fn initial<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.initial.as_ref().map(|initial| PyBytes::new(py, initial.octets()))
    }

    fn __repr__(&self) -> String {
        format!("Auth({:?})", self.0.mechanism)
    }
}

/// Classes of what a trusted peer tells of its client.
macro_rules! attributes {
    ($( $(#[$doc:meta])* $class:ident )+) => { $(
        $(#[$doc])*
        #[pyclass(frozen, eq, module = "lonedot._core")]
        #[derive(PartialEq, Eq)]
        pub(crate) struct $class(Attributes);

        #[pymethods]
        impl $class {
            #[classattr]
            fn __match_args__() -> (&'static str,) {
                ("attributes",)
            }

            #[getter]
            fn attributes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
                let attributes = PyDict::new(py);
                for (name, value) in self.0.all() {
                    attributes.set_item(name, value)?;
                }
                Ok(attributes)
            }

            fn __repr__(&self) -> String {
                let all = self.0.all().map(|(name, value)| format!("{name}={}", value.unwrap_or("[UNAVAILABLE]")));
                format!("<{} {}>", stringify!($class), all.collect::<Vec<_>>().join(" "))
            }
        }
    )+ };
}

attributes! {
    /// XCLIENT, Postfix's. `.attributes`: a dict of NAME, ADDR, PORT, PROTO, HELO, LOGIN, DESTADDR, DESTPORT as given, decoded; None for
    /// what the peer does not know.
    Xclient
    /// XFORWARD, Postfix's. `.attributes`: a dict of NAME, ADDR, PORT, PROTO, HELO, IDENT, SOURCE as given, decoded; None for what the
    /// peer does not know.
    Xforward
}

/// Classes of the envelope: a path, parameters, leniencies.
macro_rules! envelope {
    ($( $(#[$doc:meta])* $class:ident.$path:ident )+) => { $(
        $(#[$doc])*
        #[pyclass(frozen, eq, module = "lonedot._core")]
        #[derive(PartialEq, Eq)]
        pub(crate) struct $class(command::$class);

        #[pymethods]
        impl $class {
            #[classattr]
            fn __match_args__() -> (&'static str, &'static str) {
                (stringify!($path), "parameters")
            }

            #[getter]
            fn $path(&self) -> &str {
                self.0.$path.as_str()
            }

            #[getter]
            fn local_part(&self) -> &str {
                self.0.$path.local_part()
            }

            #[getter]
            fn domain(&self) -> &str {
                self.0.$path.domain()
            }

            #[getter]
            fn parameters(&self) -> Parameters {
                Parameters(self.0.parameters.clone())
            }

            #[getter]
            fn notes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
                notes(py, self.0.notes)
            }

            fn __repr__(&self) -> String {
                format!("{}({:?}, {})", stringify!($class), self.$path(), self.parameters().__repr__())
            }
        }
    )+ };
}

envelope! {
    /// MAIL (RFC 5321 section 4.1.1.2). `.reverse_path`: the mailbox as sent, "" for the null reverse-path; `.local_part` and
    /// `.domain` of it; `.parameters`; `.notes`: leniencies taken, "space-after-colon" or "source-route".
    Mail.reverse_path
    /// RCPT (RFC 5321 section 4.1.1.3). `.forward_path`: the mailbox as sent, or "Postmaster"; `.local_part` and `.domain` of
    /// it; `.parameters`; `.notes`: leniencies taken, "space-after-colon" or "source-route".
    Rcpt.forward_path
}

/// A command of no known verb. `.verb` in upper case, `.argument` the text after it.
#[pyclass(frozen, eq, module = "lonedot._core")]
#[derive(PartialEq, Eq)]
pub(crate) struct Unknown(command::Unknown);

#[pymethods]
impl Unknown {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str) {
        ("verb", "argument")
    }

    #[getter]
    fn verb(&self) -> &str {
        &self.0.verb
    }

    #[getter]
    fn argument(&self) -> &str {
        &self.0.argument
    }

    fn __repr__(&self) -> String {
        format!("Unknown({:?}, {:?})", self.0.verb, self.0.argument)
    }
}

impl From<command::Mail> for Mail {
    fn from(mail: command::Mail) -> Self {
        Self(mail)
    }
}

impl From<command::Rcpt> for Rcpt {
    fn from(rcpt: command::Rcpt) -> Self {
        Self(rcpt)
    }
}

/// A command as an object of its class.
pub(crate) fn to_python<'py>(py: Python<'py>, command: Command) -> PyResult<Bound<'py, PyAny>> {
    Ok(match command {
        Command::Ehlo(hello) => Bound::new(py, Ehlo(hello))?.into_any(),
        Command::Helo(hello) => Bound::new(py, Helo(hello))?.into_any(),
        Command::Lhlo(hello) => Bound::new(py, Lhlo(hello))?.into_any(),
        Command::Mail(mail) => Bound::new(py, Mail(mail))?.into_any(),
        Command::Rcpt(rcpt) => Bound::new(py, Rcpt(rcpt))?.into_any(),
        Command::Data => Bound::new(py, Data)?.into_any(),
        Command::Rset => Bound::new(py, Rset)?.into_any(),
        Command::Noop(text) => Bound::new(py, Noop(text))?.into_any(),
        Command::Quit => Bound::new(py, Quit)?.into_any(),
        Command::Vrfy(text) => Bound::new(py, Vrfy(text))?.into_any(),
        Command::Expn(text) => Bound::new(py, Expn(text))?.into_any(),
        Command::Help(text) => Bound::new(py, Help(text))?.into_any(),
        Command::Bdat(bdat) => Bound::new(py, Bdat { size: bdat.size, last: bdat.last })?.into_any(),
        Command::StartTls => Bound::new(py, StartTls)?.into_any(),
        Command::Auth(auth) => Bound::new(py, Auth(auth))?.into_any(),
        Command::Etrn(etrn) => Bound::new(py, Etrn(etrn))?.into_any(),
        Command::Xclient(attributes) => Bound::new(py, Xclient(attributes))?.into_any(),
        Command::Xforward(attributes) => Bound::new(py, Xforward(attributes))?.into_any(),
        Command::Unknown(unknown) => Bound::new(py, Unknown(unknown))?.into_any(),
    })
}

fn command_error(py: Python<'_>, violation: CoreViolation) -> PyErr {
    let error = CommandError::new_err(violation.text());
    let value = error.value(py);
    let filled = value
        .setattr("violation", Violation(violation))
        .and_then(|()| value.setattr("reply", Reply(violation.reply())));
    filled.err().unwrap_or(error)
}

/// Parses one command line without its CRLF (RFC 5321 section 4.1).
///
/// `dialect`: "smtp" or "lmtp". `smtputf8`: whether SMTPUTF8 is offered (MAIL) or was asked for (RCPT). `strict_grammar`: refuse
/// the leniencies that `.notes` would name. `extensions`: the EHLO keywords of what is offered, which decides how many octets
/// a line may have (section 4.5.3.1.4); None for what a Session offers by itself. Parameters are read whether offered or
/// not. Raises CommandError, whose `.reply` is the Reply to send, and ValueError for a keyword of no extension.
#[pyfunction]
#[pyo3(signature = (line, dialect="smtp", smtputf8=false, strict_grammar=false, extensions=None))]
pub(crate) fn parse_command<'py>(
    py: Python<'py>,
    line: Octets<'py>,
    dialect: &str,
    smtputf8: bool,
    strict_grammar: bool,
    extensions: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let extensions = extensions.map_or(Ok(Extensions::USUAL), self::extensions)?;
    let grammar = Grammar { dialect: self::dialect(dialect)?, smtputf8, strict: strict_grammar, extensions };
    let command = command::parse(&line, &grammar).map_err(|violation| command_error(py, violation))?;
    to_python(py, command)
}
