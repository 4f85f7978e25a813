"""The gate on instructions: counts those of a fixed set of cases under callgrind, and compares with the baseline.

    make counts                              # prints the table; fails when a case grew by more than 3 %
    make counts ARGS=--update                # writes the baseline, benches/instructions.toml
    make counts ARGS="--baseline FILE …"     # another one, say of the code before a change, on a machine of your own

The cases are rust/core/benches/instructions.rs and benches/instructions_python.py. The baseline says what its counts
depend on besides the code; where that differs nothing fails. valgrind has no AVX-512, and shows programs the same CPU
wherever there is AVX2: what is counted are the portable kernel, AVX2 and the rest of the path. Time is not looked at.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

BENCHES = Path(__file__).resolve().parent
BASELINE = BENCHES / "instructions.toml"
LIMIT = 0.03
UPDATE = "make counts ARGS=--update"


@dataclass(frozen=True)
class Suite:
    """What was counted: instructions of one run of each case, and what these depend on besides the code."""

    conditions: dict[str, str]
    instructions: dict[str, int]


@dataclass(frozen=True)
class Row:
    """A case. None: it is not in the baseline, or was not counted now."""

    case: str
    before: int | None
    now: int | None

    @property
    def growth(self) -> float:
        """Of what it was."""
        return 0.0 if self.before is None or self.now is None else self.now / self.before - 1

    @property
    def verdict(self) -> str:
        if self.before is None:
            return "new"
        if self.now is None:
            return "gone"
        if abs(self.now - self.before) <= LIMIT * self.before:
            return ""
        return "over" if self.now > self.before else "lower"

    def __str__(self) -> str:
        before, now = ("-" if count is None else f"{count:,}" for count in (self.before, self.now))
        growth = "" if self.before is None or self.now is None else f"{round(self.growth, 3) + 0.0:+.1%}"
        return f"{self.case:46} {before:>12} {now:>12} {growth:>8}  {self.verdict}".rstrip()


@dataclass
class Comparison:
    """A table to print, what to say below it, and whether it fails."""

    table: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failed: bool = False


def compare(baseline: Mapping[str, Suite], counted: Mapping[str, Suite]) -> Comparison:
    result = Comparison([f"{'instructions of one run of':46} {'baseline':>12} {'now':>12} {'growth':>8}"])
    lower = False
    for name, suite in counted.items():
        known = baseline.get(name, Suite({}, {}))
        cases = dict.fromkeys([*suite.instructions, *known.instructions])
        rows = [Row(case, known.instructions.get(case), suite.instructions.get(case)) for case in cases]
        result.table += map(str, rows)
        differing = [
            f"{what}: {known.conditions.get(what, 'none')} in the baseline, {suite.conditions.get(what, 'none')} here"
            for what in dict.fromkeys([*known.conditions, *suite.conditions])
            if known.conditions.get(what) != suite.conditions.get(what)
        ]
        if differing:
            result.notes.append(
                f"NOTHING WAS GATED in [{name}]: the counts cannot be compared ({'; '.join(differing)}). To gate a "
                'change here, write a baseline from the code before it, `make counts ARGS="--update --baseline FILE"`, '
                'and compare with `make counts ARGS="--baseline FILE"`.'
            )
            continue
        for row in rows:
            if row.verdict == "over":
                result.notes.append(
                    f"{row.case} takes {row.now:,} instructions, {row.growth:.1%} more than the {row.before:,} of the "
                    f"baseline; the limit is {LIMIT:.0%}. Make it cheaper; or, if it is worth that, say why in the "
                    f"commit, with the baseline that `{UPDATE}` writes."
                )
            elif row.verdict == "new":
                result.notes.append(f"{row.case} is not in the baseline: `{UPDATE}`")
            elif row.verdict == "gone":
                result.notes.append(
                    f"{row.case} is in the baseline and was not counted; if it is meant to go: `{UPDATE}`"
                )
            lower = lower or row.verdict == "lower"
            result.failed = result.failed or row.verdict in ("over", "new", "gone")
    if lower:
        result.notes.append(f"lower: update the baseline, so that what was won is kept: `{UPDATE}`")
    return result


def read(path: Path) -> dict[str, Suite]:
    """The baseline, empty where there is none."""
    found = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
    return {name: Suite(suite["conditions"], suite["instructions"]) for name, suite in found.items()}


def written(suites: Mapping[str, Suite]) -> str:
    """As `read` takes it."""
    lines = [
        f"# Instructions of one run of each case, and what they depend on besides the code. Written by `{UPDATE}`."
    ]
    for name, suite in suites.items():
        # A JSON string of such words is a TOML string too.
        conditions = [f"{what} = {json.dumps(value)}" for what, value in suite.conditions.items()]
        counts = [f"{json.dumps(case)} = {count:_}" for case, count in suite.instructions.items()]
        lines += ["", f"[{name}.conditions]", *conditions, "", f"[{name}.instructions]", *counts]
    return "\n".join(lines) + "\n"


def count(command: list[str], **environment: str) -> dict[str, int]:
    """Runs a program that prints `NAME TIMES` after each case, and calls getppid before and after it."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory, "callgrind")
        valgrind = ["valgrind", "--quiet", "--tool=callgrind", "--dump-before=getppid", f"--callgrind-out-file={out}"]
        given = {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "PYTHONHASHSEED": "0",
            # memcpy and memset by vectors at every length: `rep movsb`, which glibc takes from 2 KiB on, is counted as
            # an instruction for each octet, more than all else that is done with it.
            "GLIBC_TUNABLES": ":".join(f"glibc.cpu.x86_rep_{what}_threshold={1 << 30}" for what in ("movsb", "stosb")),
            **environment,
        }
        ran = subprocess.run([*valgrind, *command], env=given, stdout=subprocess.PIPE, text=True, check=True)
        return between_marks(out, ran.stdout)


def between_marks(out: Path, printed: str) -> dict[str, int]:
    """Callgrind writes `out.1` at the first mark, and so on: what was counted since the mark before."""
    runs = [line.rpartition(" ") for line in printed.splitlines()]
    dumps = len(list(out.parent.glob(f"{out.name}.*")))
    if not runs or dumps != 2 * len(runs):
        raise RuntimeError(f"{dumps} marks for {len(runs)} cases; is the name of getppid known to callgrind?")
    counts = {}
    for place, (case, _, times) in enumerate(runs, 1):
        lines = out.with_name(f"{out.name}.{2 * place}").read_text().splitlines()
        summary = next(line for line in lines if line.startswith("summary:"))
        counts[case] = round(int(summary.split()[1]) / int(times))
    return counts


def core_program() -> str:
    """Builds the core's cases; gives the path of the program."""
    cargo = ["cargo", "bench", "--package=lonedot-core", "--bench=instructions", "--locked", "--no-run"]
    built = subprocess.run(
        [*cargo, "--message-format=json-render-diagnostics"], cwd=BENCHES.parent, stdout=subprocess.PIPE, check=True
    )
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    (program,) = (message["executable"] for message in messages if message.get("executable"))
    return str(program)


def python_build() -> str:
    """This interpreter, and how it was compiled."""
    options = sysconfig.get_config_var("CONFIG_ARGS") or ""
    chosen = [option for option in ("--enable-optimizations", "--with-lto", "--enable-shared") if option in options]
    return " ".join([platform.python_implementation(), platform.python_version(), platform.python_compiler(), *chosen])


def said(*command: str) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def count_all() -> dict[str, Suite]:
    from lonedot import _core

    kernels = [kernel for kernel in _core.backends() if kernel != "avx512"]
    program = core_program()
    python = [sys.executable, "-s", str(BENCHES / "instructions_python.py")]
    with ThreadPoolExecutor() as pool:
        core = pool.submit(count, [program])
        reached = [pool.submit(count, python, LONEDOT_BACKEND=kernel) for kernel in kernels]
    conditions = {
        "machine": platform.machine(),
        "kernels": " ".join(kernels),
        "compiler": " ".join([said("rustc", "--version"), os.environ.get("RUSTFLAGS", "")]).strip(),
        "libc": " ".join(platform.libc_ver()),
        "valgrind": said("valgrind", "--version"),
    }
    return {
        "core": Suite(conditions, core.result()),
        "python": Suite(
            {**conditions, "interpreter": python_build()},
            {case: instructions for each in reached for case, instructions in each.result().items()},
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="write the baseline instead of failing")
    parser.add_argument("--baseline", type=Path, default=BASELINE, metavar="FILE")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("No instructions were counted, and NOTHING WAS GATED: valgrind is not installed.")
        return
    counted = count_all()
    result = compare(read(options.baseline), counted)
    print("\n".join(result.table))
    if options.update:
        options.baseline.write_text(written(counted), "utf-8")
        print(f"Wrote {options.baseline}.")
        return
    if result.notes:
        print("\n" + "\n".join(result.notes))
    if result.failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
