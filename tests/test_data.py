"""DataDecoder, DataEncoder, decode_data, encode_data: RFC 5321 §4.1.1.4 and §4.5.2, from Python."""

from __future__ import annotations

import array
import mmap
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import lonedot
import pytest
from lonedot import DataDecoder, DataEncoder, DataReport, MailDataError, Violation, _core, decode_data, encode_data


class TestDecoder:
    def test_tells_what_follows_the_end(self) -> None:
        decoder = DataDecoder()
        assert decoder.decode(b"Subject: x\r\n\r\n..dot\r\n.\r\nQUIT\r\n") == b"Subject: x\r\n\r\n.dot\r\n"
        assert decoder.eof
        assert decoder.unused_data == b"QUIT\r\n"
        assert decoder.consumed == 24
        assert decoder.decode(b"NOOP\r\n") == b""
        assert decoder.consumed == 0
        assert decoder.unused_data == b"QUIT\r\nNOOP\r\n"
        report = decoder.finish()
        assert isinstance(report, DataReport)
        assert (report.size, report.lines, report.dots_removed, report.header_end) == (20, 3, 1, 12)
        assert report == decoder.report

    def test_an_empty_message(self) -> None:
        decoder = DataDecoder()
        assert decoder.decode(b".\r\n") == b""
        assert decoder.finish().size == 0

    def test_the_end_may_come_late(self) -> None:
        decoder = DataDecoder()
        decoder.decode(b"a\r\n.\r")
        assert not decoder.eof
        with pytest.raises(MailDataError) as missing:
            decoder.finish()
        assert missing.value.violation.name == "unfinished"
        assert missing.value.report is not None
        decoder.decode(b"\n")
        assert decoder.finish().lines == 1

    def test_a_violation_is_a_value_until_finish(self) -> None:
        decoder = DataDecoder()
        assert decoder.decode(b"a\nb\r\n") == b"a"
        assert decoder.decode(b"more\r\n.\r\n") == b""
        assert decoder.eof
        match decoder.violation:
            case Violation("bare-lf", 1) as violation:
                assert (violation.code, violation.enhanced, violation.section) == (550, "5.6.0", "RFC 5321 2.3.8")
                assert violation.reply().code == 550
            case other:
                pytest.fail(repr(other))
        with pytest.raises(MailDataError, match="Bare LF") as error:
            decoder.finish()
        assert error.value.violation == violation
        assert isinstance(error.value, ValueError)

    def test_limits_are_accepted_exactly(self) -> None:
        line = b"a" * 998 + b"\r\n"
        assert decode_data(line + b".\r\n") == line
        assert decode_data(b"." + b"." + line[1:] + b".\r\n") == b"." + line[1:]  # the transparency dot does not count
        with pytest.raises(MailDataError):
            decode_data(b"a" + line + b".\r\n")
        assert decode_data(line + b".\r\n", max_size=1000) == line
        with pytest.raises(MailDataError) as error:
            decode_data(line + b".\r\n", max_size=999)
        assert (error.value.violation.name, error.value.violation.code) == ("too-large", 552)

    def test_the_one_shot_wants_all_and_no_more(self) -> None:
        for wire, name in [(b"a\r\n", "unfinished"), (b"a\r\n.\r\nQUIT\r\n", "octets-after-end"), (b"", "unfinished")]:
            with pytest.raises(MailDataError) as error:
                decode_data(wire)
            assert error.value.violation.name == name

    @pytest.mark.parametrize(
        "wrong",
        [
            {"max_size": -1}, {"max_line": 0}, {"long_line": "normalize"}, {"bare_cr": "drop"}, {"bare_lf": "Keep"},
            {"nul": ""}, {"line_ends": "cr"}, {"max_line": -(2**64)}, {"max_size": -(2**64)},
        ],
        ids=repr,
    )  # fmt: skip
    def test_a_wrong_policy_is_a_mistake(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=next(iter(wrong))):
            DataDecoder(**wrong)

    def test_a_limit_may_be_larger_than_any_number_of_octets(self) -> None:
        assert decode_data(b"a\r\n.\r\n", max_size=2**63, max_line=2**64) == b"a\r\n"

    def test_nothing_can_be_set(self) -> None:
        decoder = DataDecoder()
        for name in ("eof", "consumed", "unused_data", "report", "violation", "other"):
            with pytest.raises(AttributeError):
                setattr(decoder, name, 1)
        with pytest.raises(AttributeError):
            decoder.report.size = 1  # type: ignore[misc]

    def test_one_unending_line_is_not_kept(self) -> None:
        decoder = DataDecoder(long_line="keep")
        block = b"a" * 65536
        assert sum(len(decoder.decode(block)) for _ in range(64)) == 64 * 65536


class TestBuffers:
    WIRE = b"a.\r\n..b\r\n.\r\n" + b"pad!"

    def buffers(self) -> Iterator[Any]:
        memory = mmap.mmap(-1, len(self.WIRE))
        memory.write(self.WIRE)
        yield from (self.WIRE, bytearray(self.WIRE), memoryview(self.WIRE), memoryview(bytearray(self.WIRE)), memory)
        yield array.array("B", self.WIRE)
        yield array.array("I", self.WIRE)
        yield memoryview(self.WIRE).cast("B", (4, 4))

    def test_any_contiguous_buffer_gives_bytes(self) -> None:
        for buffer in self.buffers():
            decoder = DataDecoder()
            out = decoder.decode(buffer)
            assert type(out) is bytes
            assert (out, decoder.unused_data) == (b"a.\r\n.b\r\n", b"pad!"), buffer

    def test_what_came_in_may_change_afterwards(self) -> None:
        memory = bytearray(b"abc\r\n")
        out = DataDecoder().decode(memory)
        memory[:] = b"\0" * 5
        memory.extend(b"more")  # nothing holds it
        assert out == b"abc\r\n"

    @pytest.mark.parametrize(
        "wrong", ["text", 3, None, [1], memoryview(b"abcd")[::2]], ids=lambda wrong: type(wrong).__name__
    )
    def test_everything_else_is_refused(self, wrong: Any) -> None:
        for take in (DataDecoder().decode, DataEncoder().encode, decode_data, encode_data, lonedot.parse_command):
            with pytest.raises((TypeError, BufferError)):
                take(wrong)


class TestEncoder:
    def test_the_last_crlf_is_added_where_it_is_missing(self) -> None:
        assert encode_data(b"a") == b"a\r\n.\r\n"
        assert encode_data(b"a\r\n") == b"a\r\n.\r\n"
        assert encode_data(b"") == b".\r\n"

    @pytest.mark.parametrize("bare", [b"a\nb", b"a\rb", b"\n", b"a\r"])
    def test_a_bare_line_end_is_never_passed_on(self, bare: bytes) -> None:
        with pytest.raises(MailDataError):
            encode_data(bare)
        sent = encode_data(bare, bare_cr="normalize", bare_lf="normalize")
        assert b"\n" not in sent.replace(b"\r\n", b"")
        assert b"\r" not in sent.replace(b"\r\n", b"")
        for policy in ("keep", "other"):
            with pytest.raises(ValueError, match="normalize"):
                encode_data(bare, bare_lf=policy)  # type: ignore[arg-type]

    def test_it_ends_once(self) -> None:
        encoder = DataEncoder()
        encoder.finish()
        with pytest.raises(RuntimeError):
            encoder.encode(b"a")
        with pytest.raises(RuntimeError):
            encoder.finish()
        refused = DataEncoder()
        with pytest.raises(MailDataError):
            refused.encode(b"a\nb")
        with pytest.raises(RuntimeError):
            refused.finish()


class TestThreads:
    def test_one_decoder_each(self) -> None:
        mail_data = b"".join(b".%d line\r\n" % n for n in range(200))
        wire, wrong = encode_data(mail_data), []

        def work(size: int) -> None:
            for _ in range(20):
                decoder = DataDecoder()
                out = b"".join(decoder.decode(wire[at : at + size]) for at in range(0, len(wire), size))
                if out != mail_data or decoder.finish().lines != 200:
                    wrong.append(size)

        threads = [threading.Thread(target=work, args=(size,)) for size in (7, 64, 1000, 5000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong


class TestBackends:
    @pytest.mark.parametrize("name", _core.backends())
    def test_one_can_be_forced(self, name: str) -> None:
        script = "import lonedot; print(lonedot.decode_data(b'..a\\r\\n' * 99 + b'.\\r\\n') == b'.a\\r\\n' * 99)"
        assert self.run(name, script) == (0, "True\n")

    def test_one_that_cannot_run_is_refused_by_name(self) -> None:
        code, said = self.run("quantum", "import lonedot")
        assert code == 1
        assert "LONEDOT_BACKEND=quantum cannot run here; these can: " in said
        assert "portable" in said

    def run(self, backend: str, script: str) -> tuple[int, str]:
        environment = {**os.environ, "LONEDOT_BACKEND": backend}
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
        return done.returncode, done.stdout or done.stderr
