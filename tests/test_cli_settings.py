"""What goes together among the settings of `lonedot serve`, and what is wrong with the files they name.

Each mistake names the option or the key of the file, and what to do; of the command it is one line and exit code 2.
"""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from lonedot import Policies
from lonedot.cli import main
from lonedot.cli.parser import Mistake
from lonedot.cli.settle import settle

from tests.serving import SECONDS
from tests.tls_support import Authority

EXAMPLE = Path(__file__).parent.parent / "examples" / "lonedot.toml"
FILES = ("cert.pem", "key.pem", "other.pem", "broken.pem", "ca.pem", "encrypted.pem", "users", "bad-users")


@pytest.fixture(scope="module")
def files(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of `FILES`."""
    directory = tmp_path_factory.mktemp("files")
    certificate = authority.issue_cert("mx.example")
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(str(directory / "cert.pem"), append=True)
    certificate.private_key_pem.write_to_path(str(directory / "key.pem"))
    authority.issue_cert("mx.example").private_key_pem.write_to_path(str(directory / "other.pem"))
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    (directory / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    (directory / "encrypted.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"a password"),
        )
    )
    made = subprocess.run(
        [sys.executable, "-m", "lonedot", "user", "ann@example.org"], input=b"x\n", capture_output=True, timeout=SECONDS
    )
    (directory / "users").write_bytes(made.stdout)
    (directory / "bad-users").write_bytes(b"# who may send\n" + made.stdout + b"tim:secret\n")
    for name in FILES:
        (directory / name).chmod(0o600)
    return directory


@pytest.fixture
def there(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the directory of the files."""
    monkeypatch.chdir(files)


def configured(options: dict[str, object], file: str | None = None) -> None:
    """As far as `lonedot serve` goes before it makes its Maildir and listens."""
    settings = settle(options, file)
    settings.config(settings.credentials())


TLS: dict[str, object] = {"tls_cert": "cert.pem", "tls_key": "key.pem"}
AUTH: dict[str, object] = {"users": "users"}

MISTAKES: list[tuple[dict[str, object], str, list[str]]] = [
    # What is given, the key that is named, and other words.
    ({"tls_key": "key.pem"}, "tls_key", ["takes --tls-cert as well"]),
    ({"tls_client_ca": "ca.pem"}, "tls_client_ca", ["takes --tls-cert as well"]),
    ({"listen_tls": ["127.0.0.1:0"]}, "listen_tls", ["takes --tls-cert as well"]),
    ({"require_tls": True}, "require_tls", ["takes --tls-cert as well"]),
    ({"require_auth": True}, "require_auth", ["takes --users as well"]),
    ({"dangerously_auth_without_tls": True}, "dangerously_auth_without_tls", ["takes --users as well"]),
    (AUTH, "users", ["takes --tls-cert as well", "in the clear"]),
    ({"tls_cert": "none.pem"}, "tls_cert", ["none.pem: No such file or directory", "PEM"]),
    ({"tls_cert": "."}, "tls_cert", [".: Is a directory", "PEM"]),
    ({"tls_cert": "cert.pem"}, "tls_cert", ["cert.pem holds no private key"]),
    ({"tls_cert": "cert.pem", "tls_key": "none.pem"}, "tls_key", ["none.pem: No such file or directory"]),
    ({"tls_cert": "cert.pem", "tls_key": "users"}, "tls_key", ["users holds no private key"]),
    ({"tls_cert": "cert.pem", "tls_key": "other.pem"}, "tls_key", ["other.pem does not belong", "in cert.pem"]),
    ({"tls_cert": "cert.pem", "tls_key": "encrypted.pem"}, "tls_key", ["encrypted.pem is encrypted", "without one"]),
    ({"tls_cert": "users", "tls_key": "key.pem"}, "tls_cert", ["users holds no certificate"]),
    (
        {"tls_cert": "broken.pem", "tls_key": "key.pem"},
        "tls_cert",
        ["broken.pem holds no certificate that can be used"],
    ),
    (TLS | {"tls_client_ca": "other.pem"}, "tls_client_ca", ["other.pem holds no certificate"]),
    (TLS | {"tls_client_ca": "none.pem"}, "tls_client_ca", ["none.pem: No such file"]),
    (TLS | {"users": "none"}, "users", ["none: No such file or directory", "lonedot user"]),
    (TLS | {"users": "bad-users"}, "users", ["bad-users:3: ", "lonedot user NAME"]),
    ({"trusted_proxies": ["192.0.2.1/24"]}, "trusted_proxies", ["write 192.0.2.0/24"]),
    ({"trusted_proxies": ["192.0.2.256"]}, "trusted_proxies", ["is no network; write 192.0.2.0/24"]),
    ({"trusted_clients": ["mx.example"]}, "trusted_clients", ["is no network; write 192.0.2.0/24"]),
    ({"trusted_clients": [1]}, "trusted_clients", ["takes a network or a list of them, not [1]"]),
    ({"advertise": ["TURN"]}, "advertise", ["'TURN'", "dsn, etrn"]),
    ({"advertise": ["STARTTLS"]}, "advertise", ["'STARTTLS' is no capability"]),
    ({"advertise": ["DSN 1"]}, "advertise", ["DSN takes no such argument"]),
    ({"advertise": ["DELIVERBY soon"]}, "advertise", ["DELIVERBY takes the least seconds"]),
    ({"advertise": ["DELIVERBY 1", "DELIVERBY 2"]}, "advertise", ["DELIVERBY stands twice"]),
    ({"advertise": ["FUTURERELEASE 1"]}, "advertise", ["as in FUTURERELEASE 86400 2030-01-01T00:00:00Z"]),
    ({"advertise": ["BINARYMIME"]}, "advertise", ["BINARYMIME takes --crlf as well"]),
    ({"advertise": ["REQUIRETLS"]}, "advertise", ["REQUIRETLS takes --tls-cert as well"]),
    ({"extensions": ["TURN"]}, "extensions", ["'TURN' is none; there are SIZE"]),
    ({"extensions": ["all", "SIZE"]}, "extensions", ["'all' is none"]),
    ({"extensions": ["SIZE", "DSN"]}, "extensions", ["DSN takes --advertise as well"]),
    ({"extensions": ["starttls"]}, "extensions", ["STARTTLS takes --tls-cert as well"]),
    ({"extensions": ["AUTH"]}, "extensions", ["AUTH takes --users as well"]),
    ({"extensions": ["BINARYMIME", "SIZE"]}, "extensions", ["BINARYMIME takes CHUNKING as well"]),
    ({"extensions": ["XCLIENT"]}, "extensions", ["XCLIENT takes --trusted-clients as well"]),
    (TLS | {"require_tls": True, "extensions": ["SIZE"]}, "require_tls", ["takes STARTTLS among --extensions"]),
    (TLS | AUTH | {"require_auth": True, "extensions": ["SIZE"]}, "require_auth", ["takes AUTH among --extensions"]),
    ({"socket_mode": "rw"}, "socket_mode", ["three or four octal digits", "0660", "'rw'"]),
    ({"socket_mode": "0888"}, "socket_mode", ["three or four octal digits"]),
    ({"socket_mode": 0o660}, "socket_mode", ["as text", "0660", "432"]),
]


def toml_of(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str() | int():
            return repr(value)
    assert isinstance(value, list)
    return f"[{', '.join(map(toml_of, value))}]"


@pytest.mark.usefixtures("there")
class TestMistakes:
    @pytest.mark.parametrize(("given", "key", "words"), MISTAKES)
    def test_an_option_is_named(self, given: dict[str, object], key: str, words: list[str]) -> None:
        with pytest.raises(Mistake) as caught:
            configured(given)
        said = str(caught.value)
        assert re.match(rf"serve: --{key.replace('_', '-')}[: ]", said), said
        assert [word for word in words if word not in said] == []

    @pytest.mark.parametrize(("given", "key", "words"), MISTAKES)
    def test_a_key_is_named_with_its_file(self, given: dict[str, object], key: str, words: list[str]) -> None:
        Path("mx.toml").write_text("".join(f"{name} = {toml_of(value)}\n" for name, value in given.items()))
        with pytest.raises(Mistake) as caught:
            configured({}, "mx.toml")
        said = str(caught.value)
        assert re.match(rf"mx\.toml: {key}[: ]", said), said
        # What else it takes is a key then.
        as_keys = [re.sub("--([a-z-]+)", lambda found: found[1].replace("-", "_"), word) for word in words]
        assert [word for word in as_keys if word not in said] == []

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("networks = 1", ["networks takes tables", '[networks."192.0.2.0/24"]']),
            ("networks.'192.0.2.0/24' = 1", ['networks."192.0.2.0/24" takes a table of policies, not 1']),
            ("[networks.'192.0.2.1/24']", ["networks: ", "write 192.0.2.0/24"]),
            ("[networks.'::/0']\n[networks.'0::/0']\nnul = 'keep'", ["networks: ", "stands twice"]),
            ("[networks.unix]\nnull = 'keep'", ['unknown key networks."unix".null; did you mean nul?']),
            ("[networks.unix]\nzzz = 1", ['networks."unix".zzz', "known here: bare_cr"]),
            ("[networks.unix]\nnul = 'normalize'", ['networks."unix".nul takes one of', "'keep'"]),
            ("[networks.unix]\nmax_size = 1", ['networks."unix".max_size']),
            ("[network]", ["unknown key network; did you mean networks?"]),
        ],
    )
    def test_a_network_is_named_with_its_file(self, text: str, words: list[str]) -> None:
        Path("mx.toml").write_text(text)
        with pytest.raises(Mistake) as caught:
            configured({}, "mx.toml")
        said = str(caught.value)
        assert said.startswith("mx.toml: ")
        assert [word for word in words if word not in said] == []

    @pytest.mark.parametrize(
        "given", [given for given, _, words in MISTAKES if not re.search(r"not \[1|432", str(words))]
    )
    def test_the_command_says_it_in_one_line(
        self, given: dict[str, object], capsys: pytest.CaptureFixture[str]
    ) -> None:
        argv = ["--listen", "nowhere"]  # which it must not come to
        for key, value in given.items():
            option = f"--{key.replace('_', '-')}"
            text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            argv += [option] if value is True else [option, text]
        assert main(["serve", *argv]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("lonedot: serve: --")
        assert err.count("\n") == 1

    def test_a_file_for_the_last_of_its_kind(self) -> None:
        """A key in the certificate's own file that is not the certificate's is the certificate's."""
        Path("both.pem").write_bytes(Path("cert.pem").read_bytes() + Path("other.pem").read_bytes())
        with pytest.raises(Mistake, match=r"^serve: --tls-cert: the key in both\.pem does not belong"):
            configured({"tls_cert": "both.pem", "tls_client_ca": "ca.pem"})


@pytest.mark.usefixtures("there")
class TestGoesTogether:
    @pytest.mark.parametrize(
        "given",
        [
            TLS,
            TLS | {"tls_client_ca": "ca.pem", "listen_tls": ["127.0.0.1:0"], "require_tls": True},
            TLS | AUTH | {"require_auth": True, "extensions": ["AUTH", "STARTTLS", "SIZE"]},
            AUTH | {"dangerously_auth_without_tls": True, "require_auth": True},
            # Nobody has to say STARTTLS where connections begin with TLS.
            TLS | {"listen_tls": ["127.0.0.1:0"], "require_tls": True, "extensions": ["SIZE"]},
            {"crlf": True, "advertise": ["BINARYMIME"], "extensions": ["CHUNKING", "BINARYMIME"]},
            TLS | {"advertise": ["requiretls", "DELIVERBY 240", "MT-PRIORITY MIXER", "VRFY", "EXPN", "CHECKPOINT"]},
            {"trusted_clients": ["unix"], "extensions": ["XCLIENT"]},
            {"extensions": []},
        ],
    )
    def test_it_does(self, given: dict[str, object]) -> None:
        configured(given)

    def test_other_listeners_take_the_place_of_the_default(self) -> None:
        assert settle({}).listen == ("127.0.0.1:2525",)
        for other in {"lmtp": ["unix:x"]}, TLS | {"listen_tls": "x:1"}:
            assert settle(other).listen == ()
            assert settle({**other, "listen": ["x:2"]}).listen == ("x:2",)
        Path("mx.toml").write_text("listen = []\nlmtp = 'unix:x'")
        assert (settle({}, "mx.toml").listen, settle({}, "mx.toml").lmtp) == ((), ("unix:x",))
        with pytest.raises(Mistake, match=r"^serve: --lmtp takes"):
            settle({"lmtp": [""]}, "mx.toml")
        with pytest.raises(Mistake, match=r"^mx\.toml: listen takes an address"):
            settle({"lmtp": []}, "mx.toml")

    def test_a_mode_is_octal(self) -> None:
        assert [settle({"socket_mode": mode}).socket_mode for mode in ("", "660", "0600")] == [None, 0o660, 0o600]

    def test_all_extensions_win_over_those_of_the_file(self) -> None:
        Path("mx.toml").write_text("extensions = 'SIZE'")
        assert settle({}, "mx.toml").extensions == frozenset({"SIZE"})
        assert settle({"extensions": ["all"]}, "mx.toml").extensions is None

    def test_networks_differ_from_the_policies_of_everybody(self) -> None:
        Path("mx.toml").write_text(
            "policy = 'internet'\n[policies]\nnul = 'keep'\n"
            "[networks.'192.0.2.0/24']\nnul = 'reject'\n[networks.unix]\nbare_lf = 'keep'\n"
        )
        config = settle({}, "mx.toml").config()
        assert config.policies == Policies(long_line="keep", nul="keep")
        assert dict(config.networks) == {
            "192.0.2.0/24": Policies(long_line="keep"),
            "unix": Policies(long_line="keep", nul="keep", bare_lf="keep"),
        }

    def test_the_examples_network_works(self) -> None:
        text = EXAMPLE.read_text()
        Path("mx.toml").write_text(re.sub(r"(?m)^#   (?=\S)", "", text))
        config = settle({}, "mx.toml").config()
        assert dict(config.networks) == {"192.0.2.0/24": Policies(unknown_parameters="keep")}


def test_an_expired_certificate_is_a_warning(
    authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expired = authority.issue_cert("mx.example", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    expired.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "mx.pem"))
    with caplog.at_level(logging.WARNING):
        configured({"tls_cert": str(tmp_path / "mx.pem")})
    assert f"the certificate in {tmp_path / 'mx.pem'} has expired on 2020-01-01" in caplog.text
