//! The module `lonedot._core`: the core crate for Python. Each file wraps one noun of it; `octets` alone touches Python's
//! memory, `coroutine` alone its coroutines.

#![allow(clippy::needless_pass_by_value)] // what the interpreter hands over is owned, by PyO3's rules

mod chunk;
mod command;
mod coroutine;
mod data;
mod event;
mod header;
mod header_table;
mod mbox;
mod octets;
mod parameters;
mod proxy;
mod reply;
mod session;
mod settings;
mod violation;

use std::sync::OnceLock;

use lonedot_core::command::Extension;
use lonedot_core::scan::Backend;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// The kernel that LONEDOT_BACKEND names, or the best. Read once.
fn backend() -> PyResult<Backend> {
    static CHOSEN: OnceLock<Result<Backend, String>> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| match std::env::var("LONEDOT_BACKEND") {
        Ok(name) if !name.is_empty() => Backend::by_name(&name).ok_or(name),
        _ => Ok(Backend::best()),
    });
    chosen.clone().map_err(|name| {
        let names: Vec<_> = Backend::available().map(Backend::name).collect();
        PyValueError::new_err(format!("LONEDOT_BACKEND={name} cannot run here; these can: {}", names.join(", ")))
    })
}

#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use crate::chunk::ChunkDecoder;
    #[pymodule_export]
    use crate::command::{
        Auth, Bdat, Data, Ehlo, Etrn, Expn, Helo, Help, Lhlo, Mail, Noop, Quit, Rcpt, Rset, StartTls, Unknown, Vrfy,
        Xclient, Xforward, parse_command,
    };
    #[pymodule_export]
    use crate::coroutine::result_of;
    #[pymodule_export]
    use crate::data::{DataDecoder, DataEncoder, DataReport, backends, decode_data, encode_data};
    #[pymodule_export]
    use crate::event::{Aborted, AuthResponse, Closed, EndOfChunk, EndOfMailData, MailData};
    #[pymodule_export]
    use crate::header::{HeaderFinding, HeaderReader, check_headers};
    #[pymodule_export]
    use crate::header_table::{HeaderRow, header_table};
    #[pymodule_export]
    use crate::mbox::{count_lines, from_lines, with_findings};
    #[pymodule_export]
    use crate::octets::ReadBuffer;
    #[pymodule_export]
    use crate::parameters::{By, Orcpt, Parameters};
    #[pymodule_export]
    use crate::proxy::{ProxyDecoder, ProxyFault, ProxyHeader, ProxyTls};
    #[pymodule_export]
    use crate::reply::Reply;
    #[pymodule_export]
    use crate::session::Session;
    #[pymodule_export]
    use crate::settings::Settings;
    #[pymodule_export]
    use crate::violation::{CommandError, MailDataError, Violation};

    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    /// The package's version, which is the workspace's.
    #[pymodule_export]
    #[allow(non_upper_case_globals)] // Python's name for it
    const __version__: &str = env!("CARGO_PKG_VERSION");

    /// Adds EXTENSIONS, the keywords that EHLO can offer. Fails the import, and says why, when LONEDOT_BACKEND names a kernel that cannot run here.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let extensions = super::Extension::ALL.iter().map(|extension| extension.keyword());
        module.add("EXTENSIONS", super::PyTuple::new(module.py(), extensions)?)?;
        super::backend().map(|_| ())
    }
}
