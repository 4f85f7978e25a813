"""The plots of `docs/benchmarks.md`, as PNG and SVG. The same figures give the same files, to the octet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
from figures import CORPORA, PYTHON_PEERS, RUST_PEERS, Figures, label
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Page

mpl.use("Agg")
plt.rcParams.update(
    {
        "axes.axisbelow": True,
        "axes.grid": True,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "figure.dpi": 150,
        "font.size": 9,
        "grid.color": "#e4e4e4",
        "legend.frameon": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "lonedot",
    }
)

MEMCPY = "#8c8c8c"
KERNELS = ("#08519c", "#4292c6", "#9ecae1", "#c6dbef")
COLOURS = {
    "memcpy": MEMCPY,
    "lonedot": KERNELS[0],
    "lonedot-copied": KERNELS[1],
    "memmem-scan": "#e6ab02",
    "memchr-lines": "#d95f02",
    "smtp-proto": "#a6611a",
    "smtp-proto-0.1": "#dfc27d",
    "find-replace": "#e6ab02",
    "find-split": "#d95f02",
    "twisted": "#7570b3",
    "aiosmtpd": "#c51b7d",
}


def draw(figures: Figures, folder: Path) -> list[str]:
    """Writes all plots; returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {
        "rust": _rust(figures),
        "python": _python(figures),
        "kernels": _kernels(figures),
        "dram": _dram(figures),
        "worst-case": _worst(figures),
    }
    for name, page in pages.items():
        page.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
        page.savefig(folder / f"{name}.png", metadata={"Software": None})
        plt.close(page)
        # matplotlib ends lines of a path in spaces, which no editor and no diff likes.
        svg = folder / f"{name}.svg"
        svg.write_text("\n".join(line.rstrip() for line in svg.read_text().splitlines()) + "\n")
    return list(pages)


def _colour(figures: Figures, what: str) -> str:
    return COLOURS[what] if what in COLOURS else KERNELS[figures.kernels.index(what)]


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 99.5 else f"{value:.3g}"


def _bars(axes: Axes, names: Sequence[str], values: Sequence[float], colours: Sequence[str], *, log: bool) -> None:
    """Horizontal bars, the first on top, each with its value at its end."""
    bars = axes.barh(names, values, color=colours, height=0.75, log=log)
    axes.bar_label(bars, [_number(value) for value in values], padding=3, fontsize=8)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    if log:
        _plain(axes)


def _plain(axes: Axes) -> None:
    """Decades as numbers that are read, not counted."""
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")


def _panels(figures: Figures, whats: Sequence[str], rate: Callable[[str, str], float], low: float) -> tuple[Page, Axes]:
    """One panel for each corpus with the rate of all, on one logarithmic scale; and the panel that is left."""
    page, grid = plt.subplots(3, 2, figsize=(8.4, 1.2 + 0.6 * len(whats)), layout="constrained")
    colours = [_colour(figures, what) for what in whats]
    for axes, corpus in zip(grid.flat, CORPORA, strict=False):
        _bars(axes, [label(what) for what in whats], [rate(corpus, what) for what in whats], colours, log=True)
        axes.set_xlim(low, 250)
        axes.set_title(CORPORA[corpus])
        axes.set_xlabel("GB/s, logarithmic")
    return page, grid.flat[-1]


def _rust(figures: Figures) -> Page:
    whats = ("memcpy", *figures.kernels, *RUST_PEERS)
    page, axes = _panels(figures, whats, lambda corpus, what: figures.rate(corpus, "cache", what), 0.1)
    kernels = figures.kernels
    values = [figures.rust["tiny", "cache", kernel].nanoseconds for kernel in kernels]
    _bars(
        axes, [label(kernel) for kernel in kernels], values, [_colour(figures, kernel) for kernel in kernels], log=False
    )
    axes.set_xlim(0, max(values) * 1.2)
    axes.set_title("messages of 400 octets")
    axes.set_xlabel("ns a message, less is better")
    page.suptitle("Rust, chunks of 64 KiB in cache", fontweight="bold")
    return page


def _python(figures: Figures) -> Page:
    whats = ("memcpy", "lonedot", "lonedot-copied", *PYTHON_PEERS)
    page, axes = _panels(figures, whats, figures.python_rate, 0.0005)
    whats = ("lonedot", "find-replace", "find-split")
    values = [figures.python["2k", "mixed", what].nanoseconds for what in whats]
    _bars(axes, [label(what) for what in whats], values, [COLOURS[what] for what in whats], log=False)
    axes.set_xlim(0, max(values) * 1.2)
    axes.set_title("one message of 2 KiB of text")
    axes.set_xlabel("ns a message, less is better")
    page.suptitle("Python, chunks of 64 KiB in cache", fontweight="bold")
    return page


def _groups(axes: Axes, whats: Sequence[str], rate: Callable[[str, str], float], colours: Sequence[str]) -> None:
    """A group of upright bars for each corpus."""
    width = 0.84 / len(whats)
    for i, (what, colour) in enumerate(zip(whats, colours, strict=True)):
        values = [rate(corpus, what) for corpus in CORPORA]
        places = [group + (i - (len(whats) - 1) / 2) * width for group in range(len(CORPORA))]
        bars = axes.bar(places, values, width * 0.94, color=colour, label=label(what.removesuffix("-lf")))
        axes.bar_label(bars, [_number(value) for value in values], padding=1, fontsize=7)
    axes.set_xticks(range(len(CORPORA)), [text.replace(", ", "\n") for text in CORPORA.values()])
    axes.tick_params(axis="x", length=0)
    axes.grid(visible=False, axis="x")
    axes.set_ylabel("GB/s")


def _stacked(figures: Figures, title: str, panels: dict[str, tuple[str, str]]) -> Page:
    """Memcpy and all kernels, one panel below the other: its title, and the place and line ends it is about."""
    page, grid = plt.subplots(len(panels), 1, figsize=(8.4, 6.4), layout="constrained", sharey=True)
    colours = [MEMCPY, *KERNELS]
    for axes, (named, (place, ends)) in zip(grid, panels.items(), strict=True):
        whats = ["memcpy", *(kernel + ends for kernel in figures.kernels)]
        _groups(axes, whats, lambda corpus, what, place=place: figures.rate(corpus, place, what), colours[: len(whats)])
        axes.set_title(named)
    grid[0].legend(loc="lower center", bbox_to_anchor=(0.5, 1.1), ncols=len(figures.kernels) + 1)
    page.suptitle(title, fontweight="bold")
    return page


def _kernels(figures: Figures) -> Page:
    panels = {"CRLF line ends, as they came": ("cache", ""), 'line_ends="lf"': ("cache", "-lf")}
    return _stacked(figures, "Rust, by kernel, chunks of 64 KiB in cache", panels)


def _dram(figures: Figures) -> Page:
    panels = {
        "chunks of 64 KiB into one buffer: read from memory": ("dram-chunks", ""),
        "one call into a buffer of 64 MiB: memory to memory": ("dram-whole", ""),
    }
    return _stacked(figures, "Rust, 64 MiB from DRAM", panels)


def _worst(figures: Figures) -> Page:
    rows = [(label(what), *figures.worst(what), _colour(figures, what)) for what in (*figures.kernels, *RUST_PEERS)]
    python = [(label(what), *figures.worst(what, python=True), COLOURS[what]) for what in ("lonedot", *PYTHON_PEERS)]
    page, grid = plt.subplots(
        2,
        1,
        figsize=(8.4, 1.5 + 0.3 * len(rows + python)),
        layout="constrained",
        sharex=True,
        height_ratios=[len(rows), len(python)],
    )
    for axes, title, bars in ((grid[0], "Rust", rows), (grid[1], "Python", python)):
        drawn = axes.barh([bar[0] for bar in bars], [bar[1] for bar in bars], color=[bar[3] for bar in bars], log=True)
        axes.bar_label(drawn, [f"{_number(bar[1])}× ({bar[2]})" for bar in bars], padding=3, fontsize=8)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        _plain(axes)
        axes.set_title(title)
        axes.set_xlim(1, max(bar[1] for bar in rows + python) * 3)
    grid[1].set_xlabel("CPU an octet in the costliest corpus, base64 = 1, logarithmic, less is better")
    page.suptitle("The worst case", fontweight="bold")
    return page
