"""What the decoder is held to, beside what was measured. A verdict is computed from the figures, never written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from figures import BODIES, COMMON, CORPORA, Figures, label


class Target(NamedTuple):
    """One row: what is wanted, what was measured, and whether that is enough. None: given, nothing is asked of it."""

    wanted: str
    measured: str
    met: bool | None


def _least(wanted: str, bound: float, measured: dict[str, float], unit: str) -> Target:
    """Something that has to reach the bound on each corpus: the least counts."""
    corpus = min(measured, key=measured.__getitem__)
    least = measured[corpus]
    where = f" ({corpus})" if len(measured) > 1 else ""
    return Target(wanted, f"{_number(least)}{unit}{where}", least >= bound)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _each(corpora: Iterable[str], figure: Callable[[str], float]) -> dict[str, float]:
    return {corpus: figure(corpus) for corpus in corpora}


def targets(figures: Figures) -> dict[str, list[Target]]:
    """The rows, by what they are about."""
    return {
        "Rust, chunks of 64 KiB in cache": list(_in_cache(figures)),
        "Rust, 64 MiB from DRAM": list(_from_dram(figures)),
        "Python": list(_python(figures)),
        "Beside peers": list(_peers(figures)),
        "The worst case": list(_worst(figures)),
        "The header check": list(_headers(figures)),
    }


def _in_cache(figures: Figures) -> Iterator[Target]:
    best = figures.best
    for kernel, common, every in ((best, 20.0, 10.0), ("avx2", 15.0, 5.0)):
        if kernel not in figures.kernels:
            continue
        for ends, least in (("", 1.0), ("-lf", 0.5)):
            for corpora, named, bound in ((COMMON, "base64 and mixed text", common), (CORPORA, "every corpus", every)):
                bound *= least
                rates = _each(corpora, lambda corpus, what=kernel + ends: figures.rate(corpus, "cache", what))
                yield _least(f"{label(kernel + ends)}: {bound:g} GB/s on {named}", bound, rates, " GB/s")
    nanoseconds = figures.rust["tiny", "cache", best].nanoseconds
    wanted = f"{label(best)}: under 100 ns for each of many messages of 400 octets"
    yield Target(wanted, f"{nanoseconds:.0f} ns", nanoseconds < 100)


def _from_dram(figures: Figures) -> Iterator[Target]:
    for place, form in (("dram-chunks", "in chunks of 64 KiB"), ("dram-whole", "in one call")):
        ratios = _each(CORPORA, lambda corpus, place=place: figures.of_memcpy(corpus, place, figures.best))
        yield _least(f"{label(figures.best)}: 0.85 of memcpy on every corpus, {form}", 0.85, ratios, " of memcpy")


def _python(figures: Figures) -> Iterator[Target]:
    def of_rust(what: str) -> dict[str, float]:
        return _each(
            CORPORA, lambda corpus: figures.python_rate(corpus, what) / figures.rate(corpus, "cache", figures.best)
        )

    same = [corpus for corpus in CORPORA if figures.python["decode", corpus, "lonedot"].same_object]
    handed_back = f"the very object came back on {', '.join(same)}" if same else "always a copy"
    yield _least(
        f"`decode` of 64 KiB: 0.7 of Rust on every corpus ({handed_back})", 0.7, of_rust("lonedot"), " of Rust"
    )
    copied = of_rust("lonedot-copied")
    yield _least("The same with a copy forced", 0.7, copied, " of Rust")._replace(met=None)

    copy = figures.python["1k", "base64", "memcpy"].nanoseconds
    for what in ("lonedot", "lonedot-copied"):
        figure = figures.python["1k", "base64", what]
        # Where the object comes back, no copy is in the figure.
        beyond = figure.nanoseconds - (0 if figure.same_object else copy)
        form = "the very object came back" if figure.same_object else f"of {figure.nanoseconds:.0f}, a copy {copy:.0f}"
        wanted = "`decode` of 1 KiB: under 150 ns a call beyond the copy" + (", forced" if what != "lonedot" else "")
        yield Target(wanted, f"{beyond:.0f} ns ({form})", beyond < 150)

    one = figures.python["decode", "base64", "memcpy"]
    octets = figures.python["input", "base64", "bytes"]
    for form in ("bytearray", "memoryview"):
        more = figures.python["input", "base64", form].seconds - octets.seconds
        copies = more / one.seconds
        # A second copy would be measured as about 2.
        yield Target(f"A `{form}` of 64 KiB costs at most one further copy", f"{copies:.2f} copies", copies < 1.5)

    for corpus in COMMON:
        times = _ratio(figures, "2k", corpus, ("find-replace", "find-split"))
        wanted = f"`decode_data` of a message of 2 KiB, {corpus}: beats find + replace"
        yield Target(wanted, f"{times:.1f} times as fast", times > 1)


def _ratio(figures: Figures, subject: str, corpus: str, peers: Iterable[str]) -> float:
    """How many times as fast as the fastest of the peers. Of lonedot's figures the slower counts."""
    ours = (figures.python.get((subject, corpus, what)) for what in ("lonedot", "lonedot-copied"))
    slower = min(figure.rate for figure in ours if figure is not None)
    return slower / max(figures.python[subject, corpus, peer].rate for peer in peers)


def _peers(figures: Figures) -> Iterator[Target]:
    rows = (("aiosmtpd's loop over DATA", 100.0, ("aiosmtpd",)), ("Python's find + replace or split", 20.0, FINDS))
    for named, bound, peers in rows:
        times = _each(COMMON, lambda corpus, peers=peers: _ratio(figures, "decode", corpus, peers))
        yield _least(f"`decode`: {bound:g} times {named} on base64 and mixed text", bound, times, " times")
    for peer, bound, named in (
        ("smtp-proto-0.1", 10.0, "10 times the smtp-proto crate when it went octet by octet (0.1.6)"),
        ("smtp-proto", 10.0, "10 times the smtp-proto crate now that it searches"),
        ("memchr-lines", 2.0, "2 times memchr per line, limit checked,"),
        ("memmem-scan", 1.0, "ahead of a bare memmem scan for CRLF dot"),
    ):
        times = _each(
            COMMON,
            lambda corpus, peer=peer: figures.rate(corpus, "cache", figures.best) / figures.rate(corpus, "cache", peer),
        )
        yield _least(f"{label(figures.best)}: {named} on base64 and mixed text", bound, times, " times")


FINDS = ("find-replace", "find-split")


def _worst(figures: Figures) -> Iterator[Target]:
    for kernel, bound in ((figures.best, 2.0), ("avx2", 5.0)):
        if kernel in figures.kernels:
            times, corpus = figures.worst(kernel)
            wanted = f"{label(kernel)}: no corpus costs more than {bound:g} times the CPU of base64 an octet"
            yield Target(wanted, f"{times:.2f} times ({corpus})", times <= bound)


def _headers(figures: Figures) -> Iterator[Target]:
    def each(kibibytes: str, what: str) -> float:
        return figures.rust["headers", kibibytes, f"{what}-{figures.best}"].nanoseconds

    for body in BODIES:
        bound = 3000 + 0.1 * each(body, "decode")
        wanted = f"{label(figures.best)}: a section of 20 fields above {body} KiB, at most 3 µs and 10 % of decoding"
        check = each(body, "check")
        yield Target(wanted, f"{check:,.0f} ns of {bound:,.0f}", check <= bound)
    times = {
        corpus: figures.python["headers", corpus, "email"].seconds
        / figures.python["headers", corpus, "lonedot"].seconds
        for corpus in ("20-fields", "short")
    }
    yield _least("`check_headers`: 30 times Python's `BytesHeaderParser`", 30.0, times, " times")
    if figures.lint is not None:
        times = figures.beyond_start("cold") / figures.lint["read, cold"]
        wanted = "`lonedot lint` over a mbox of 10,000 messages, beyond its start: beside reading it from disk"
        yield Target(wanted, f"{times:.1f} times", None)
