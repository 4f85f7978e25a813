"""The figures of one `make bench`, as its parts wrote them: what was measured, under the names they gave it.

From Rust: a corpus, a place (`cache`, `chunk`, `encode`, `encode-lf`, `dram-chunks`, `dram-whole`) and what ran; for
`headers` the place is the body's KiB. From Python: a subject (`decode`, `chunk`, `encode`, `encode-lf`, `encode-2k`,
`headers`, `input`, `1k`, `2k`, `tiny`), a corpus and what ran. From whole servers: CPU seconds of a message. From
`lonedot lint`: seconds of a mbox.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

CORPORA = {
    "base64": "base64, lines of 76",
    "mixed": "text, lines of 10–78, 1 % dotted",
    "dots": "every line ..ab",
    "empty": "only CRLF",
    "long": "lines of 998",
}
# KiB of the bodies below the header section that is checked.
BODIES = ("0", "4", "64")
# The mail of every day; the other corpora are what a hostile or an odd sender may send.
COMMON = ("base64", "mixed")
RUST_PEERS = ("memmem-scan", "memchr-lines", "smtp-proto", "smtp-proto-0.1")
PYTHON_PEERS = ("find-replace", "find-split", "twisted", "aiosmtpd")
LABELS = {
    "memcpy": "memcpy",
    "memmem-scan": "memmem, bare scan",
    "memchr-lines": "memchr per line",
    "smtp-proto": "smtp-proto",
    "smtp-proto-0.1": "smtp-proto 0.1",
    "find-replace": "find + replace",
    "find-split": "find + split, join",
    "replace": "replace",
    "smtplib": "smtplib",
    "twisted": "Twisted",
    "aiosmtpd": "aiosmtpd",
    "email": "email.parser.BytesHeaderParser",
    "lonedot": "lonedot",
    "lonedot-copied": "lonedot, copy forced",
}


class Figure(NamedTuple):
    """The median of a case: octets it took in, messages or calls it did, its seconds."""

    octets: int
    count: int
    seconds: float
    same_object: bool = False

    @property
    def rate(self) -> float:
        """GB/s."""
        return self.octets / self.seconds / 1e9

    @property
    def nanoseconds(self) -> float:
        """Of one message or call."""
        return self.seconds / self.count * 1e9


class Figures:
    """All figures of one run."""

    def __init__(self, folder: Path) -> None:
        rust: list[dict[str, Any]] = [
            case for name in ("rust.json", "headers.json") for case in json.loads((folder / name).read_text())
        ]
        python: dict[str, Any] = json.loads((folder / "python.json").read_text())
        servers, lint = folder / "serve.json", folder / "lint.json"
        self.rust = {
            (case["corpus"], case["place"], case["what"]): Figure(case["octets"], case["messages"], case["seconds"])
            for case in rust
        }
        self.python = {}
        for case in python["benchmarks"]:
            info = case["extra_info"]
            key = info["subject"], info["corpus"], info["what"]
            same = info.get("same_object", False)
            self.python[key] = Figure(info["octets"], info["calls"], case["stats"]["median"], same)
        self.servers: dict[str, Any] | None = json.loads(servers.read_text()) if servers.exists() else None
        # Seconds of each way, with the file in the page cache (`warm`) and not (`cold`); None where nobody measured.
        self.lint: dict[str, float] | None = json.loads(lint.read_text())["seconds"] if lint.exists() else None
        # Best first, as they were measured.
        self.kernels = [what for corpus, _, what in self.rust if corpus == "tiny"]

    @property
    def best(self) -> str:
        """The kernel that is chosen on this machine."""
        return self.kernels[0]

    def beyond_start(self, cache: str) -> float:
        """Seconds that `lonedot lint` takes for the mbox when it has begun."""
        assert self.lint is not None
        return self.lint[f"lint, {cache}"] - self.lint[f"lint of one message, {cache}"]

    def rate(self, corpus: str, place: str, what: str) -> float:
        return self.rust[corpus, place, what].rate

    def of_memcpy(self, corpus: str, place: str, what: str) -> float:
        return self.rate(corpus, place, what) / self.rate(corpus, place, "memcpy")

    def python_rate(self, corpus: str, what: str) -> float:
        return self.python["decode", corpus, what].rate

    def worst(self, what: str, *, python: bool = False) -> tuple[float, str]:
        """CPU an octet in the costliest corpus, as a multiple of that in base64; and which corpus that is."""
        rates = {
            corpus: self.python_rate(corpus, what) if python else self.rate(corpus, "cache", what) for corpus in CORPORA
        }
        corpus = min(rates, key=rates.__getitem__)
        return rates["base64"] / rates[corpus], corpus


def label(what: str) -> str:
    """What ran, as a reader would say it."""
    if what.endswith("-lf"):
        return f"{label(what.removesuffix('-lf'))}, to LF"
    return LABELS.get(what, f"lonedot, {what}")
