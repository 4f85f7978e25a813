"""A file of users: what stands in it, who gets in by it, and how much work a flood of passwords can make."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path
from typing import Any

import pytest
from lonedot import Authenticator, Identity, Reply, ScramVerifier, Users
from lonedot.users import BUSY, Argon2Verifier

from tests.exchanges import INVALID, NAME, PASSWORD, connection, through
from tests.support import until

ANN = ScramVerifier.make(PASSWORD, iterations=4096)
BOB = ScramVerifier.make("bob's", iterations=5000)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "users"
    path.touch(mode=0o600)
    return path


def cheap(password: str) -> str:
    import argon2

    return argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password)


def check(users: Users, name: str, password: str) -> bool | Reply:
    return asyncio.run(users.check_password(connection(), name, password))


class TestFile:
    def test_one_user_a_line(self, file: Path) -> None:
        ann, bob, joerg = ANN.written(), cheap("bobs"), BOB.written()
        text = f"\ufeff# users\r\n\r\n{NAME}:{ann}\r\n   \n# bob\nbob:{bob}  \nJ\u00f6rg:{joerg}"
        file.write_text(text, encoding="utf-8", newline="")
        users = Users(file)
        assert check(users, NAME, PASSWORD) is True
        assert check(users, "bob", "bobs") is True
        assert check(users, "J\u00f6rg", "bob's") is True
        assert repr(users) == f"<Users of {file}: 3>"

    def test_names_are_prepared(self, file: Path) -> None:
        file.write_text(f"\u2168:{ANN.written()}\n", encoding="utf-8")
        assert check(Users(file), "IX", PASSWORD) is True

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("ann", "a line is name:verifier"),
            ("ann:", "a verifier begins with SCRAM-SHA-256"),
            (f"ann:{PASSWORD}", "a verifier begins with SCRAM-SHA-256"),
            (f":{ANN.written()}", "a name has 1 to 1024 octets"),
            (f" ann:{ANN.written()}", "no spaces around it"),
            (f"a\tb:{ANN.written()}", "no control characters"),
            (f"bob:{ANN.written()}", "this name was there before"),
            (f"ann:{ANN.written()[:-4]}", "base64|octets"),
            ("ann:SCRAM-SHA-256$1:AAAA$AAAA:AAAA", "4096 to 10000000"),
            ("ann:$argon2id$v=19$m=8,t=1$AAAA$AAAA", "no argon2 hash"),
            ("ann:$argon2id$v=19$m=1048577,t=1,p=1$AAAA$AAAA", "1048576 KiB of memory, not 1048577"),
            ("ann:\udcff", "not UTF-8"),
        ],
    )
    def test_what_is_wrong_is_told_by_its_line_and_not_shown(self, file: Path, line: str, words: str) -> None:
        file.write_bytes(f"\nbob:{BOB.written()}\n{line}\n".encode("utf-8", "surrogateescape"))
        with pytest.raises(ValueError, match=words) as raised:
            Users(file)
        assert str(raised.value).startswith(f"{file}:3: ")
        assert PASSWORD not in str(raised.value) and ANN.written()[:40] not in str(raised.value)
        assert raised.value.__cause__ is None and raised.value.__suppress_context__

    def test_one_that_cannot_be_read(self, file: Path) -> None:
        with pytest.raises(FileNotFoundError):
            Users(file.parent / "none")

    def test_argon2_takes_its_package(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file.write_text(f"bob:{cheap('x')}\n")
        monkeypatch.setattr("lonedot.users.find_spec", lambda name: None)
        with pytest.raises(ValueError, match=r":1: an argon2 verifier takes a package; pip install lonedot\[argon2\]"):
            Users(file)

    @pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True), (0o604, True)])
    def test_one_everybody_can_read_is_warned_about(
        self, file: Path, mode: int, warned: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        file.chmod(mode)
        Users(file)
        assert ("chmod o-r" in caplog.text) == warned

    @pytest.mark.parametrize("bounds", [{"workers": 0}, {"waiting": -1}, {"workers": True}, {"workers": 1.5}])
    def test_bounds_that_are_none(self, file: Path, bounds: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="takes a whole number from"):
            Users(file, **bounds)


class TestReload:
    def test_takes_the_new(self, file: Path) -> None:
        file.write_text(f"ann:{ANN.written()}\n")
        users = Users(file)
        file.write_text(f"bob:{ANN.written()}\n")
        assert check(users, "bob", PASSWORD) is False
        users.reload()
        assert check(users, "bob", PASSWORD) is True
        assert check(users, "ann", PASSWORD) is False

    def test_keeps_the_old_where_the_new_is_wrong(self, file: Path) -> None:
        file.write_text(f"ann:{ANN.written()}\n")
        users = Users(file)
        file.write_text(f"bob:{ANN.written()}\nann\n")
        with pytest.raises(ValueError, match=":2: "):
            users.reload()
        file.unlink()
        with pytest.raises(FileNotFoundError):
            users.reload()
        assert check(users, "ann", PASSWORD) is True
        assert check(users, "bob", PASSWORD) is False


class TestScram:
    def test_is_offered_where_all_verifiers_are_scrams(self, file: Path) -> None:
        assert "SCRAM-SHA-256" in Authenticator(Users(file)).mechanisms
        file.write_text(f"ann:{ANN.written()}\n")
        assert Authenticator(Users(file)).mechanisms == ("SCRAM-SHA-256", "PLAIN", "LOGIN")
        file.write_text(f"ann:{ANN.written()}\nbob:{cheap('x')}\n")
        assert Authenticator(Users(file)).mechanisms == ("PLAIN", "LOGIN")

    def test_one_that_stops_being_possible_is_warned_about(self, file: Path, caplog: pytest.LogCaptureFixture) -> None:
        file.write_text(f"{NAME}:{ANN.written()}\n")
        users = Users(file)
        users.reload()
        assert caplog.text == ""
        file.write_text(f"{NAME}:{cheap(PASSWORD)}\n")
        users.reload()
        assert "SCRAM-SHA-256 is offered until" in caplog.text
        assert through("SCRAM-SHA-256", users)[-1] == INVALID
        assert check(users, NAME, PASSWORD) is True

    @pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "PLAIN", "LOGIN"])
    def test_users_get_in_by_each_and_others_do_not(self, file: Path, mechanism: str) -> None:
        file.write_text(f"{NAME}:{ANN.written()}\n")
        users = Users(file)
        assert through(mechanism, users)[-1] == Identity(NAME, mechanism, NAME)
        assert through(mechanism, users, secret="wrong")[-1] == INVALID
        # The right password, and a name nobody has.
        assert through(mechanism, users, name="nobody")[-1] == INVALID

    def test_strangers_hear_of_as_many_iterations_as_users_and_of_the_same_salt_again(self, file: Path) -> None:
        file.write_text(f"ann:{ANN.written()}\nbob:{BOB.written()}\n")
        users = Users(file)
        ask: Any = users.scram_verifier
        strangers = [ask(connection(), f"nobody{n}") for n in range(64)]
        assert {stranger.iterations for stranger in strangers} == {4096, 5000}
        assert strangers == [ask(connection(), f"nobody{n}") for n in range(64)]
        assert len({stranger.salt for stranger in strangers} | {ANN.salt, BOB.salt}) == 66
        assert {len(stranger.salt) for stranger in strangers} == {len(ANN.salt)}
        assert not any(stranger.stored_key in (ANN.stored_key, BOB.stored_key) for stranger in strangers)
        assert ask(connection(), "ann") == ANN


class TestWork:
    def test_a_stranger_costs_one_check_of_one_of_the_users(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file.write_text(f"ann:{ANN.written()}\nbob:{cheap('bobs')}\n")
        users = Users(file)
        checked: list[tuple[str, threading.Thread]] = []
        for kind in ScramVerifier, Argon2Verifier:

            def counted(self: Any, password: str, real: Any = kind.matches) -> bool:
                checked.append((repr(self), threading.current_thread()))
                matches: bool = real(self, password)
                return matches

            monkeypatch.setattr(kind, "matches", counted)
        assert check(users, "ann", "wrong") is False
        kinds = set()
        for n in range(32):
            # A password one of the users has.
            assert check(users, f"nobody{n}", "bobs" if n % 2 else PASSWORD) is False
            kinds.add(checked[-1][0])
            assert len(checked) == n + 2
        assert len(kinds) == 2
        assert all(thread is not threading.main_thread() for _, thread in checked)

    def test_where_there_are_no_users_a_check_is_made_all_the_same(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        iterations: list[int] = []
        real = ScramVerifier.matches

        def counted(self: ScramVerifier, password: str) -> bool:
            iterations.append(self.iterations)
            return real(self, password)

        monkeypatch.setattr(ScramVerifier, "matches", counted)
        assert check(Users(file), "ann", "x") is False
        assert len(iterations) == 1 and iterations[0] >= 4096

    def test_a_flood_is_bounded(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file.write_text(f"ann:{ANN.written()}\n")
        users = Users(file, workers=2, waiting=3)
        gate = threading.Event()
        lock = threading.Lock()
        at_work: list[int] = [0, 0]

        def held(self: ScramVerifier, password: str) -> bool:
            with lock:
                at_work[0] += 1
                at_work[1] = max(at_work)
            gate.wait(60)
            with lock:
                at_work[0] -= 1
            return password == PASSWORD

        monkeypatch.setattr(ScramVerifier, "matches", held)

        async def main() -> None:
            def ask() -> asyncio.Task[bool | Reply]:
                return asyncio.create_task(users.check_password(connection(), "ann", PASSWORD))

            taken = [ask() for _ in range(5)]
            await until(lambda: at_work[0] == 2)
            assert await ask() is BUSY
            assert (BUSY.code, BUSY.enhanced) == (454, "4.7.0")
            # One that only waits makes room at once where its client gives up; one that is at work does not.
            taken[4].cancel()
            await asyncio.wait([taken[4]])
            taken.append(ask())
            await asyncio.sleep(0)
            assert await ask() is BUSY
            taken[0].cancel()
            await asyncio.wait([taken[0]])
            assert await ask() is BUSY
            gate.set()
            results = await asyncio.gather(*taken, return_exceptions=True)
            assert [result for result in results if isinstance(result, bool)] == [True] * 4
            # Who gave up has its place until its check is done. Then as many as before may come again.
            await until(lambda: users._under_way == 0)
            assert await asyncio.gather(*[ask() for _ in range(5)]) == [True] * 5

        asyncio.run(main())
        assert at_work == [0, 2]

    def test_a_check_that_fails_is_454(self, file: Path, caplog: pytest.LogCaptureFixture) -> None:
        # Well-formed, and with a salt that argon2 takes for too short.
        file.write_text(f"{NAME}:$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA\n")
        outcome = through("PLAIN", Users(file))[-1]
        assert outcome == Reply(454, "4.7.0", "Temporary authentication failure")
        assert "check_password failed" in caplog.text and PASSWORD not in caplog.text

    def test_its_threads_end_with_it(self, file: Path) -> None:
        def ours() -> list[threading.Thread]:
            return [thread for thread in threading.enumerate() if thread.name.startswith("lonedot-users")]

        users = Users(file)
        before = ours()
        check(users, "ann", "x")
        mine = [thread for thread in ours() if thread not in before]
        assert mine
        del users
        for thread in mine:
            thread.join(60)
            assert not thread.is_alive()


def test_argon2_of_lonedot_user_is_argon2id() -> None:
    verifier = Argon2Verifier.make("password")
    assert verifier.written().startswith("$argon2id$")
    assert verifier.matches("password") and not verifier.matches("Password")
    assert repr(verifier) == "<Argon2Verifier>"


def test_no_secret_is_logged(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    file.write_text(f"{NAME}:{ANN.written()}\n")
    users = Users(file)
    for mechanism in "PLAIN", "LOGIN", "SCRAM-SHA-256":
        through(mechanism, users)
    assert PASSWORD not in caplog.text and ANN.written()[:40] not in caplog.text
