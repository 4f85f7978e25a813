"""From the figures of `make bench` to `docs/benchmarks.md` and its plots.

    python benches/report.py [--quick] [FOLDER]

FOLDER holds `rust.json`, `headers.json`, `python.json` and, where they were measured, `serve.json` and `lint.json`; it
is `.benchmarks` by default. Figures of a quick run are to try, not to quote: their page goes into the folder, and
`docs` stays as it is.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import subprocess
import textwrap
import tomllib
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import plots
from figures import BODIES, CORPORA, PYTHON_PEERS, RUST_PEERS, Figures, label
from targets import targets

ROOT = Path(__file__).resolve().parent.parent
VERDICTS = {True: "met", False: "**not met**", None: "for comparison"}


def output_of(*command: str) -> str:
    try:
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def machine(figures: Figures) -> Iterator[tuple[str, str]]:
    cpu = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        cpu.setdefault(name.strip(), value.strip())
    # A virtual machine may hide the name; family and model tell what it is.
    numbers = ", ".join(f"{name} {cpu[name]}" for name in ("cpu family", "model", "stepping") if name in cpu)
    yield "CPU", f"{cpu.get('model name', platform.machine())} ({numbers}), {os.cpu_count()} cores"
    yield "kernels", ", ".join(figures.kernels)
    yield "system", f"{platform.system()} {platform.release()}, {' '.join(platform.libc_ver())}"
    yield "Python", platform.python_version()
    yield "Rust", output_of("rustc", "--version").removeprefix("rustc ")
    yield "peers", ", ".join([*(f"{name} {version(name)}" for name in ("aiosmtpd", "Twisted")), *crates()])
    changed = output_of("git", "status", "--porcelain", "--", "rust", "python", "benches", "Cargo.lock", "Cargo.toml")
    commit = output_of("git", "rev-parse", "--short", "HEAD") or "unknown"
    yield "commit", commit + (", with changes" if changed else "")
    yield "date", datetime.datetime.now(datetime.UTC).date().isoformat()


def crates() -> Iterator[str]:
    manifest = tomllib.loads((ROOT / "rust/core/Cargo.toml").read_text())
    for name, wanted in manifest["dev-dependencies"].items():
        pinned = wanted if isinstance(wanted, str) else wanted["version"]
        if pinned.startswith("="):
            yield f"{name if isinstance(wanted, str) else wanted.get('package', name)} {pinned[1:]}"


def table(heads: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'|'.join(['---', *['---:'] * (len(heads) - 1)])}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def rates(
    whats: Sequence[str], rate: Callable[[str, str], float], corpora: Sequence[str] = tuple(CORPORA)
) -> Iterator[str]:
    """GB/s on each corpus, and the ratio to the memcpy of the same octets."""

    def cell(corpus: str, what: str) -> str:
        value, memcpy = rate(corpus, what), rate(corpus, "memcpy")
        return f"{value:.3g}" if what == "memcpy" else f"{value:.3g} ({value / memcpy:.2g})"

    yield from table(
        ["GB/s (of memcpy)", *corpora],
        ([label(what), *(cell(corpus, what) for corpus in corpora)] for what in whats),
    )


def prose(text: str) -> Iterator[str]:
    """One paragraph, wrapped."""
    yield from textwrap.wrap(" ".join(text.split()), 120, break_long_words=False, break_on_hyphens=False)
    yield ""


def plot(name: str, says: str) -> Iterator[str]:
    yield f"[![{says}](benchmarks/{name}.png)](benchmarks/{name}.svg)"
    yield ""


def page(figures: Figures, quick: bool) -> Iterator[str]:
    yield "# Benchmarks"
    yield ""
    yield from prose("""
        Written by `make bench`, which measures all that stands here in one run; do not edit. What was tried to get
        here, and what each step gave, stands in [performance.md](performance.md).
    """)
    if quick:
        yield "**A quick run, of few rounds: to try, not to quote.**"
        yield ""
    yield from table(["", ""], [*machine(figures)])
    yield from prose("""
        Wall time of one thread, medians of rounds. Each case asserts what it gives before it is timed. GB/s count
        octets that are taken in, 10⁹ to the GB. The decoder is strict, checks every line's length and fills its report
        in all of them.
    """)
    yield "## Targets"
    yield ""
    for heading, rows in targets(figures).items():
        yield from table([heading, "measured", ""], [(row.wanted, row.measured, VERDICTS[row.met]) for row in rows])
    yield from rust(figures)
    yield from python(figures)
    yield from headers(figures)
    if figures.lint is not None:
        yield from lint(figures.lint)
    if figures.servers is not None:
        yield from servers(figures.servers)


def rust(figures: Figures) -> Iterator[str]:
    yield "## Rust, in cache"
    yield ""
    yield from prose("""
        A message is one chunk of 64 KiB, 16 times over, into a buffer that is written over again and again. Of the
        peers only *memchr per line* looks at the length of lines; *memmem* only looks for CRLF dot, and hands nothing
        out; *smtp-proto*, as it searches today and as it went octet by octet, enforces nothing, and keeps a dot
        that is the first octet of all.
    """)
    yield from plot("rust", "Throughput in Rust for each corpus beside peers and memcpy")
    yield from rates(
        ["memcpy", *figures.kernels, *(f"{kernel}-lf" for kernel in figures.kernels), *RUST_PEERS],
        lambda corpus, what: figures.rate(corpus, "cache", what),
    )
    yield from plot("kernels", "Throughput of each kernel, with CRLF and LF line ends")
    tiny = ((label(kernel), f"{figures.rust['tiny', 'cache', kernel].nanoseconds:.0f}") for kernel in figures.kernels)
    yield from table(["Messages of 400 octets, back to back", "ns each"], [*tiny])
    yield from prose("BDAT's octets, by `ChunkDecoder`: no transparency, no terminator, the same policies:")
    yield from rates(["memcpy", *figures.kernels], lambda corpus, what: figures.rate(corpus, "chunk", what), ["base64"])
    yield from prose("The other direction, of mail data that is encoded:")
    yield from rates(["memcpy", *figures.kernels], lambda corpus, what: figures.rate(corpus, "encode", what))
    yield from prose("The same from a Unix text, whose LFs are made CRLFs:")
    yield from rates(["memcpy", *figures.kernels], lambda corpus, what: figures.rate(corpus, "encode-lf", what))
    yield "## Rust, from DRAM"
    yield ""
    yield from prose("""
        64 MiB, in two forms, each beside a memcpy of the same form: in chunks of 64 KiB into one buffer, as from a file
        that is mapped; and in one call into as much memory, touched before.
    """)
    yield from plot("dram", "Throughput from DRAM beside memcpy")
    for place, form in (("dram-chunks", "In chunks"), ("dram-whole", "In one call")):
        yield f"{form}:"
        yield ""
        yield from rates(
            ["memcpy", *figures.kernels], lambda corpus, what, place=place: figures.rate(corpus, place, what)
        )
    yield "## The worst case"
    yield ""
    yield from prose("""
        What an octet costs in that of these corpora which suits a decoder least, as a multiple of base64.
    """)
    yield from plot("worst-case", "CPU an octet in the costliest corpus relative to base64")


def python(figures: Figures) -> Iterator[str]:
    same = [corpus for corpus in CORPORA if figures.python["decode", corpus, "lonedot"].same_object]
    yield "## Python"
    yield ""
    came_back = f"""
        On {", ".join(same)} the row *lonedot* hands back the very object that came in, because nothing is taken away;
    """
    yield from prose(f"""
        `DataDecoder.decode` over chunks of 64 KiB with the kernel {figures.best}. memcpy is `memoryview.tobytes`.
        {came_back if same else "Each call made new `bytes`;"}
        *copy forced* has a transparency dot in the first line of each chunk. aiosmtpd's loop and Twisted's protocol run
        without a socket, with all octets there before the clock starts.
    """)
    yield from plot("python", "Throughput in Python for each corpus beside peers and memcpy")
    yield from rates(("memcpy", "lonedot", "lonedot-copied", *PYTHON_PEERS), figures.python_rate)
    decoders = ("lonedot", "find-replace", "find-split")
    cases = (
        ("`decode` of 1 KiB, a call", "1k", "base64", ("lonedot", "lonedot-copied", "memcpy")),
        ("`decode` of 64 KiB, a call", "input", "base64", ("bytes", "bytearray", "memoryview")),
        ("`ChunkDecoder.decode` of 64 KiB, a call", "chunk", "base64", ("lonedot",)),
        ("a message of 2 KiB of base64, whole", "2k", "base64", decoders),
        ("a message of 2 KiB of text, whole", "2k", "mixed", decoders),
        ("a message of 400 octets, whole", "tiny", "tiny", decoders),
    )
    rows = []
    for named, subject, corpus, whats in cases:
        for what in whats:
            figure = figures.python[subject, corpus, what]
            of = f"from `{what}`" if subject == "input" else label(what)
            rows.append((named, of + (", the very object" if figure.same_object else ""), f"{figure.nanoseconds:,.0f}"))
    yield from table(["", "", "ns"], rows)
    yield from prose("`encode_data` of 64 KiB that come whole:")
    whats = ("memcpy", "lonedot", "replace", "smtplib")
    yield from rates(whats, lambda corpus, what: figures.python["encode", corpus, what].rate)
    yield from prose("The same from a Unix text, whose LFs are made CRLFs:")
    yield from rates(whats, lambda corpus, what: figures.python["encode-lf", corpus, what].rate)
    whats = ("lonedot", "replace", "smtplib")
    rows = [(label(what), f"{figures.python['encode-2k', 'mixed', what].nanoseconds:,.0f}") for what in whats]
    yield from table(["`encode_data` of a message of 2 KiB of text", "ns"], rows)


def headers(figures: Figures) -> Iterator[str]:
    yield "## The header check"
    yield ""
    yield from prose("""
        A header section of 20 fields above a body of text: nanoseconds of a message, decoded, checked as it was handed
        out, and both, in Rust. The check takes what the decoder has counted of the body.
    """)
    whats = ("decode", "check", "both")
    yield from table(
        ["ns a message", *whats],
        (
            [
                f"{label(kernel)}, {body} KiB",
                *(f"{figures.rust['headers', body, f'{what}-{kernel}'].nanoseconds:,.0f}" for what in whats),
            ]
            for body in BODIES
            for kernel in figures.kernels
        ),
    )
    yield from prose("""
        In Python, the same section, and those of 100 short messages. `BytesHeaderParser` gives the fields as they
        stand and judges nothing; `check_headers` reads addresses, dates and identifiers.
    """)
    sections = ("20-fields", "short")
    yield from table(
        ["ns a section", *sections],
        (
            [label(what), *(f"{figures.python['headers', corpus, what].nanoseconds:,.0f}" for corpus in sections)]
            for what in ("lonedot", "email")
        ),
    )


def lint(seconds: dict[str, float]) -> Iterator[str]:
    yield from prose("""
        `lonedot lint` over a mbox of 10,000 messages of 5 KB, 50 MB, in which nothing is found, with the file in the
        page cache and after it was thrown out of it; *read* is reading the file and doing nothing with it, *lint of one
        message* is what starting takes.
    """)
    whats = dict.fromkeys(what.rpartition(", ")[0] for what in seconds)
    caches = ("warm", "cold")
    yield from table(
        ["ms", *caches], ([what, *(f"{seconds[f'{what}, {cache}'] * 1e3:.0f}" for cache in caches)] for what in whats)
    )


def servers(figures: dict[str, object]) -> Iterator[str]:
    yield "## Whole servers"
    yield ""
    yield from prose(f"""
        CPU of the server's process for a message of {figures["octets"]:,} octets, sent by Postfix's smtp-source over 20
        connections that are kept; {figures["messages"]:,} messages a round, median of {figures["rounds"]}.
    """)
    seconds = figures["cpu_seconds"]
    assert isinstance(seconds, dict)
    yield from table(["server", "µs of CPU"], [(name, f"{each * 1e6:.1f}") for name, each in seconds.items()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / ".benchmarks")
    parser.add_argument("--quick", action="store_true", help="the figures are of a quick run")
    options = parser.parse_args()
    figures = Figures(options.folder)
    docs = options.folder / "docs" if options.quick else ROOT / "docs"
    plots.draw(figures, docs / "benchmarks")
    written = docs / "benchmarks.md"
    written.write_text("\n".join(page(figures, options.quick)).rstrip() + "\n")
    print(f"wrote {written}")


if __name__ == "__main__":
    main()
