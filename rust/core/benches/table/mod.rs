//! Cases that take turns, and what is told of them: a table, and JSON for `benches/report.py`.
//!
//! A case is named `corpus/place/what`. Its figure is the median of the rounds; its ratio is to the case `memcpy` of the same
//! corpus and place.

use std::fmt::Write as _;
use std::time::Instant;

/// Seconds that a case runs for one figure, at least.
const SECONDS: f64 = 0.004;

/// One measurement.
pub(crate) struct Case {
    /// `corpus/place/what`.
    pub(crate) name: String,
    /// Octets that a run takes in.
    pub(crate) octets: usize,
    /// Messages in a run, where the cost of one is what matters; else 0.
    pub(crate) messages: usize,
    pub(crate) run: Box<dyn FnMut()>,
}

/// A case and its median.
struct Figure {
    name: String,
    octets: usize,
    messages: usize,
    /// Of one run.
    seconds: f64,
}

impl Figure {
    fn rate(&self) -> f64 {
        self.octets as f64 / self.seconds / 1e9
    }

    /// Corpus, place, and what ran.
    fn parts(&self) -> (&str, &str, &str) {
        let mut parts = self.name.splitn(3, '/');
        let mut next = || parts.next().unwrap_or_default();
        (next(), next(), next())
    }
}

/// What was asked for: `[--quick] [--json FILE] NAME…`.
pub(crate) struct Options {
    wanted: Vec<String>,
    json: Option<String>,
    rounds: usize,
}

impl Options {
    pub(crate) fn of_arguments() -> Self {
        let mut options = Self { wanted: Vec::new(), json: None, rounds: 15 };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--json" => options.json = Some(arguments.next().expect("--json takes a file")),
                "--quick" => options.rounds = 3,
                "--bench" => {} // cargo's own
                name => options.wanted.push(name.to_owned()),
            }
        }
        options
    }

    /// Whether the case is measured.
    pub(crate) fn chose(&self, name: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|wanted| name.contains(wanted.as_str()))
    }

    /// Measures the cases, prints the table, and writes the JSON where it is to go.
    pub(crate) fn run(&self, cases: Vec<Case>) {
        let figures = measure(cases, self.rounds);
        print(&figures);
        if let Some(file) = &self.json {
            std::fs::write(file, json(&figures)).unwrap_or_else(|error| panic!("{file}: {error}"));
        }
    }
}

/// Lets all cases take turns, because the machine's speed drifts.
fn measure(mut cases: Vec<Case>, rounds: usize) -> Vec<Figure> {
    let once = |case: &mut Case, times: usize| {
        let started = Instant::now();
        for _ in 0..times {
            (case.run)();
        }
        started.elapsed().as_secs_f64() / times as f64
    };
    let times: Vec<usize> =
        cases.iter_mut().map(|case| ((SECONDS / once(case, 2)).ceil() as usize).clamp(1, 100_000)).collect();
    let mut seconds = vec![Vec::new(); cases.len()];
    for _ in 0..rounds {
        for ((case, &times), seconds) in cases.iter_mut().zip(&times).zip(&mut seconds) {
            seconds.push(once(case, times));
        }
    }
    let figure = |(case, mut seconds): (Case, Vec<f64>)| {
        seconds.sort_by(f64::total_cmp);
        Figure { name: case.name, octets: case.octets, messages: case.messages, seconds: seconds[seconds.len() / 2] }
    };
    cases.into_iter().zip(seconds).map(figure).collect()
}

/// The figure of a corpus at a place.
fn find<'a>(figures: &'a [Figure], corpus: &str, place: &str, what: &str) -> Option<&'a Figure> {
    figures.iter().find(|figure| figure.parts() == (corpus, place, what))
}

/// The table, and for what ran on base64 in cache the corpus that costs it most an octet.
fn print(figures: &[Figure]) {
    println!("{:32} {:>8} {:>10}", "corpus/place/what", "GB/s", "of memcpy");
    for figure in figures {
        let (corpus, place, _) = figure.parts();
        let (name, rate) = (&figure.name, figure.rate());
        if figure.messages > 0 {
            let each = figure.seconds * 1e9 / figure.messages as f64;
            println!("{name:32} {rate:8.2} {each:7.0} ns a message");
        } else {
            let memcpy = find(figures, corpus, place, "memcpy").map_or(f64::NAN, Figure::rate);
            println!("{name:32} {rate:8.2} {:10.2}", rate / memcpy);
        }
    }
    for base in figures.iter().filter(|figure| figure.name.starts_with("base64/cache/")) {
        let what = base.parts().2;
        let others = figures.iter().filter(|figure| figure.messages == 0 && figure.parts().1 == "cache");
        let of = others.filter(|figure| figure.parts().2 == what);
        if let Some(worst) = of.min_by(|a, b| a.rate().total_cmp(&b.rate())) {
            let times = base.rate() / worst.rate();
            println!("worst case of {what}: {}, {times:.2} times the CPU of base64 an octet", worst.parts().0);
        }
    }
}

/// The figures as JSON. Names are of letters, digits, `/` and `-`, so that nothing has to be escaped.
fn json(figures: &[Figure]) -> String {
    let mut text = String::from("[");
    for (i, figure) in figures.iter().enumerate() {
        let (corpus, place, what) = figure.parts();
        let Figure { octets, messages, seconds, .. } = figure;
        let comma = if i == 0 { "" } else { "," };
        write!(text, "{comma}\n{{\"corpus\": \"{corpus}\", \"place\": \"{place}\", \"what\": \"{what}\", ").unwrap();
        write!(text, "\"octets\": {octets}, \"messages\": {messages}, \"seconds\": {seconds:e}}}").unwrap();
    }
    text + "\n]\n"
}
