//! Conversations as data: reads `tests/data` (see its README.md). A key that nobody knows is an error, so that a typing
//! mistake cannot leave something untested.

use std::path::{Path, PathBuf};

use lonedot_core::command::Dialect;
use lonedot_core::data::{BarePolicy, KeepPolicy, LineEnds};
use lonedot_core::session::{AbortReason, EarlyTalkPolicy, Hostname, Offers, Settings};
use lonedot_core::{Enhanced, Reply};
use toml::{Table, Value};

#[derive(Debug, Clone)]
pub(crate) struct Conversation {
    pub name: String,
    pub settings: Settings,
    /// Whether the connection began with a handshake.
    pub over_tls: bool,
    /// Whether what comes out is the same at every split.
    pub split: bool,
    pub greeting: Option<Reply>,
    pub replies: Replies,
    pub steps: Vec<Step>,
    pub delivered: Vec<Delivered>,
    pub aborted: Vec<Aborted>,
    pub closed: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub act: Act,
    pub expect: Vec<u16>,
    pub expect_text: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum Act {
    Connect,
    Send(Vec<u8>),
    Eof,
    Abort(AbortReason),
    /// The handshake has taken place.
    Tls,
}

/// What the application answers; where nothing is said, it accepts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replies {
    pub hello: Vec<(String, Reply)>,
    pub mail: Vec<(String, Reply)>,
    pub rcpt: Vec<(String, Reply)>,
    pub vrfy: Vec<(String, Reply)>,
    pub expn: Vec<(String, Reply)>,
    pub help: Vec<(String, Reply)>,
    pub etrn: Vec<(String, Reply)>,
    pub noop: Vec<(String, Reply)>,
    /// By verb.
    pub unknown: Vec<(String, Reply)>,
    /// One for each DATA or first BDAT, in order.
    pub data: Vec<Reply>,
    /// One for each end of a chunk that is asked about.
    pub chunk: Vec<Reply>,
    /// One for each AUTH or line of its exchange.
    pub auth: Vec<Reply>,
    pub xclient: Vec<Reply>,
    pub xforward: Vec<Reply>,
    pub rset: Vec<Reply>,
    pub quit: Vec<Reply>,
    /// One list for each message, in order: one reply for all, or in LMTP one for each recipient.
    pub message: Vec<Vec<Reply>>,
}

/// A message handed to the application whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivered {
    pub reverse_path: String,
    pub forward_paths: Vec<String>,
    pub content: Option<Vec<u8>>,
    pub size: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Aborted {
    pub reason: String,
    pub octets: u64,
    pub only_command: Option<String>,
    pub violation: Option<String>,
}

/// A sequence that ends mail data or does not: `tests/data/endings.toml`.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    pub name: String,
    pub before: Vec<u8>,
    pub octets: Vec<u8>,
    pub ends: bool,
    /// What it leaves in the mail data under `keep`.
    pub kept: Vec<u8>,
    /// What is wrong with the first message under `strict`.
    pub violation: Option<String>,
}

/// One octet for each character.
pub(crate) fn octets(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("a character past U+00FF is no octet")).collect()
}

/// Reads `250 2.1.0 Ok`; the enhanced code may be missing, `\n` separates lines.
pub(crate) fn reply(text: &str) -> Reply {
    let (code, text) = text.split_once(' ').expect("a reply is a code, a space and text");
    let first = text.split(' ').next().and_then(|word| Enhanced::parse(word).ok());
    let text = if first.is_some() { text.split_once(' ').map_or("", |(_, text)| text) } else { text };
    Reply::new(code.parse().unwrap(), first, text.to_owned()).unwrap()
}

/// A table whose every key has to be taken.
struct Keys {
    of: String,
    table: Table,
}

impl Keys {
    fn new(of: impl Into<String>, value: Value) -> Self {
        let of = of.into();
        let Value::Table(table) = value else { panic!("{of} is no table") };
        Self { of, table }
    }

    fn value(&mut self, key: &str) -> Option<Value> {
        self.table.remove(key)
    }

    fn text(&mut self, key: &str) -> Option<String> {
        self.value(key).map(|value| value.as_str().unwrap_or_else(|| panic!("{}: {key}", self.of)).to_owned())
    }

    fn need(&mut self, key: &str) -> String {
        self.text(key).unwrap_or_else(|| panic!("{}: {key} is missing", self.of))
    }

    fn number<T: TryFrom<i64>>(&mut self, key: &str, place: &mut T) {
        if let Some(value) = self.value(key) {
            let number = value.as_integer().and_then(|number| T::try_from(number).ok());
            *place = number.unwrap_or_else(|| panic!("{}: {key}", self.of));
        }
    }

    fn flag(&mut self, key: &str, place: &mut bool) {
        if let Some(value) = self.value(key) {
            *place = value.as_bool().unwrap_or_else(|| panic!("{}: {key}", self.of));
        }
    }

    fn list(&mut self, key: &str) -> Vec<Value> {
        let Some(value) = self.value(key) else { return Vec::new() };
        value.as_array().unwrap_or_else(|| panic!("{}: {key}", self.of)).clone()
    }

    fn one_of<T: Copy>(&mut self, key: &str, place: &mut T, names: &[(&str, T)]) {
        if let Some(text) = self.text(key) {
            let found = names.iter().find(|(name, _)| *name == text);
            *place = found.unwrap_or_else(|| panic!("{}: {key} = {text}", self.of)).1;
        }
    }

    fn done(self) {
        assert!(self.table.is_empty(), "{}: unknown keys: {}", self.of, self.table);
    }
}

fn data(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data")).join(path)
}

fn read(path: &Path) -> Table {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every conversation of every file, named `file: name`.
pub(crate) fn all() -> Vec<Conversation> {
    let mut paths: Vec<_> =
        std::fs::read_dir(data("conversations")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut file = Keys::new(&stem, Value::Table(read(&path)));
        file.need("about");
        let conversations = file.list("conversation");
        assert!(!conversations.is_empty(), "{stem}");
        all.extend(conversations.into_iter().map(|value| conversation(&stem, value)));
        file.done();
    }
    for (i, conversation) in all.iter().enumerate() {
        assert!(all[..i].iter().all(|other| other.name != conversation.name), "{} stands twice", conversation.name);
    }
    all
}

pub(crate) fn endings() -> Vec<Ending> {
    let mut file = Keys::new("endings", Value::Table(read(&data("endings.toml"))));
    file.need("about");
    let endings = file.list("ending").into_iter().map(|value| {
        let mut keys = Keys::new("ending", value);
        let name = keys.need("name");
        keys.of = format!("endings: {name}");
        let ending = Ending {
            before: octets(&keys.need("before")),
            octets: octets(&keys.need("octets")),
            ends: keys.value("ends").and_then(|value| value.as_bool()).unwrap(),
            kept: octets(&keys.need("kept")),
            violation: keys.text("violation"),
            name,
        };
        keys.done();
        ending
    });
    let endings = endings.collect();
    file.done();
    endings
}

fn conversation(stem: &str, value: Value) -> Conversation {
    let mut keys = Keys::new(stem, value);
    let name = format!("{stem}: {}", keys.need("name"));
    keys.of.clone_from(&name);
    keys.text("about");
    let (mut settings, over_tls) =
        keys.value("settings").map_or_else(|| (base(), false), |value| settings(&name, value));
    let mut split = true;
    keys.flag("split", &mut split);
    keys.one_of("dialect", &mut settings.dialect, &[("smtp", Dialect::Smtp), ("lmtp", Dialect::Lmtp)]);
    let conversation = Conversation {
        settings,
        over_tls,
        split,
        greeting: keys.text("greeting").map(|text| reply(&text)),
        replies: keys.value("replies").map_or_else(Replies::default, |value| replies(&name, value)),
        steps: keys.list("step").into_iter().map(|value| step(&name, value)).collect(),
        delivered: keys.list("delivered").into_iter().map(|value| delivered(&name, value)).collect(),
        aborted: keys.list("aborted").into_iter().map(|value| aborted(&name, value)).collect(),
        closed: keys.text("closed"),
        name,
    };
    keys.done();
    assert!(matches!(conversation.steps[0].act, Act::Connect), "{}: the greeting comes first", conversation.name);
    conversation
}

pub(crate) fn base() -> Settings {
    Settings { hostname: Hostname::new("foo.com").unwrap(), ..Settings::default() }
}

/// And whether the connection begins with a handshake.
fn settings(name: &str, value: Value) -> (Settings, bool) {
    let (mut keys, mut settings, mut over_tls) = (Keys::new(format!("{name}: settings"), value), base(), false);
    let bare = [("reject", BarePolicy::Reject), ("keep", BarePolicy::Keep), ("normalize", BarePolicy::Normalize)];
    let keep = [("reject", KeepPolicy::Reject), ("keep", KeepPolicy::Keep)];
    if let Some(hostname) = keys.text("hostname") {
        settings.hostname = Hostname::new(&hostname).unwrap();
    }
    keys.flag("strict_grammar", &mut settings.strict_grammar);
    keys.flag("over_tls", &mut over_tls);
    if let Some(extensions) = keys.value("extensions") {
        settings.offers = Offers::none();
        for line in extensions.as_array().unwrap() {
            settings.offers.add(line.as_str().unwrap()).unwrap();
        }
    }
    for word in keys.list("security") {
        let security = &mut settings.security;
        match word.as_str() {
            Some("auth-without-tls") => security.auth_without_tls = true,
            Some("require-auth") => security.require_auth = true,
            Some("require-tls") => security.require_tls = true,
            _ => panic!("{name}: security = {word}"),
        }
    }
    let early_talk = [("note", EarlyTalkPolicy::Note), ("reject", EarlyTalkPolicy::Reject)];
    keys.one_of("early_talk", &mut settings.early_talk, &early_talk);
    keys.one_of("unknown_parameters", &mut settings.unknown_parameters, &keep);
    keys.number("max_messages", &mut settings.limits.max_messages);
    keys.number("max_session_octets", &mut settings.limits.max_session_octets);
    keys.number("max_recipients", &mut settings.limits.max_recipients);
    keys.number("max_errors", &mut settings.limits.max_errors);
    keys.number("drain", &mut settings.limits.drain);
    let data = &mut settings.data;
    keys.number("max_size", &mut data.max_size);
    keys.number("max_line", &mut data.max_line);
    keys.one_of("bare_cr", &mut data.bare_cr, &bare);
    keys.one_of("bare_lf", &mut data.bare_lf, &bare);
    keys.one_of("nul", &mut data.nul, &keep);
    keys.one_of("long_line", &mut data.long_line, &keep);
    keys.one_of("line_ends", &mut data.line_ends, &[("crlf", LineEnds::Crlf), ("lf", LineEnds::Lf)]);
    keys.done();
    (settings, over_tls)
}

fn replies(name: &str, value: Value) -> Replies {
    let mut keys = Keys::new(format!("{name}: replies"), value);
    let one = |value: &Value| reply(value.as_str().unwrap());
    let by_argument = |keys: &mut Keys, key: &str| {
        let Some(value) = keys.value(key) else { return Vec::new() };
        let table = value.as_table().unwrap_or_else(|| panic!("{}: {key}", keys.of));
        table.iter().map(|(argument, value)| (argument.clone(), one(value))).collect()
    };
    let in_order = |keys: &mut Keys, key: &str| keys.list(key).iter().map(one).collect();
    let replies = Replies {
        hello: by_argument(&mut keys, "hello"),
        mail: by_argument(&mut keys, "mail"),
        rcpt: by_argument(&mut keys, "rcpt"),
        vrfy: by_argument(&mut keys, "vrfy"),
        expn: by_argument(&mut keys, "expn"),
        help: by_argument(&mut keys, "help"),
        etrn: by_argument(&mut keys, "etrn"),
        noop: by_argument(&mut keys, "noop"),
        unknown: by_argument(&mut keys, "unknown"),
        data: in_order(&mut keys, "data"),
        chunk: in_order(&mut keys, "chunk"),
        auth: in_order(&mut keys, "auth"),
        xclient: in_order(&mut keys, "xclient"),
        xforward: in_order(&mut keys, "xforward"),
        rset: in_order(&mut keys, "rset"),
        quit: in_order(&mut keys, "quit"),
        message: keys
            .list("message")
            .iter()
            .map(|value| value.as_array().map_or_else(|| vec![one(value)], |each| each.iter().map(one).collect()))
            .collect(),
    };
    keys.done();
    replies
}

fn step(name: &str, value: Value) -> Step {
    let mut keys = Keys::new(format!("{name}: step"), value);
    let mut times = 1;
    keys.number("times", &mut times);
    let send = keys.text("send").map(|text| Act::Send(octets(&text).repeat(times)));
    let eof = keys.value("eof").map(|_| Act::Eof);
    let abort = keys.text("abort").map(|reason| Act::Abort(AbortReason::by_name(&reason).unwrap()));
    let tls = keys.value("tls").map(|_| Act::Tls);
    let acts: Vec<_> = [send, eof, abort, tls].into_iter().flatten().collect();
    assert!(acts.len() <= 1, "{name}: one act a step");
    let expect = keys.list("expect").iter().map(|code| code.as_integer().unwrap().try_into().unwrap()).collect();
    let step =
        Step { act: acts.into_iter().next().unwrap_or(Act::Connect), expect, expect_text: keys.text("expect_text") };
    keys.done();
    step
}

fn delivered(name: &str, value: Value) -> Delivered {
    let mut keys = Keys::new(format!("{name}: delivered"), value);
    let size = keys.value("size").map(|size| size.as_integer().unwrap().try_into().unwrap());
    let delivered = Delivered {
        reverse_path: keys.need("reverse_path"),
        forward_paths: keys.list("forward_paths").iter().map(|path| path.as_str().unwrap().to_owned()).collect(),
        content: keys.text("content").map(|content| octets(&content)),
        size,
    };
    keys.done();
    delivered
}

fn aborted(name: &str, value: Value) -> Aborted {
    let mut keys = Keys::new(format!("{name}: aborted"), value);
    let mut octets = u64::MAX;
    keys.number("octets", &mut octets);
    let aborted = Aborted {
        reason: keys.need("reason"),
        octets,
        only_command: keys.text("only_command"),
        violation: keys.text("violation"),
    };
    keys.done();
    aborted
}
