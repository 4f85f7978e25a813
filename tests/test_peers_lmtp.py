"""Postfix hands mail over to lonedot's LMTP on a Unix socket: each recipient has a fate of its own (RFC 2033 §4.2)."""

from __future__ import annotations

import re

from lonedot import Rcpt, Reply

from tests.peers.peer import NextHop, Peer, directory
from tests.peers.postfix import postfix
from tests.peers.receiving import Received, Receiver, receiving
from tests.test_peers import MESSAGES, as_relayed

YES, NO, FULL = Reply(250, "2.1.5", "Stored"), Reply(550, "5.1.1", "No such user"), Reply(452, "4.2.2", "Over quota")

TO = ("one@y.example", "nobody@y.example", "full@y.example", "two@y.example")


class Mailboxes:
    """`stored`: what is in each. There is none for nobody, and that of full@y.example has no room."""

    def __init__(self) -> None:
        self.stored: dict[str, list[bytes]] = {}

    def refuse(self, rcpt: Rcpt) -> Reply | None:
        return NO if rcpt.local_part == "nobody" else None

    def answer(self, received: Received) -> list[Reply]:
        return [self.put(rcpt, received.content) for rcpt in received.rcpts]

    def put(self, rcpt: Rcpt, content: bytes) -> Reply:
        if rcpt.local_part == "full":
            return FULL
        self.stored.setdefault(rcpt.forward_path, []).append(content)
        return YES


def fate(peer: Peer, to: str) -> tuple[str, str, str]:
    """What Postfix says has become of the mail for a recipient: enhanced code, status, and lonedot's reply."""
    found = peer.wait_for(rf"to=<{re.escape(to)}>, .*dsn=(\S+), status=(\S+) \((?:host .* said: )?([^()]+)")
    return found[1], found[2], found[3].rstrip()


def test_each_recipient_has_its_own_fate() -> None:
    boxes = Mailboxes()
    receiver = Receiver(boxes.answer, boxes.refuse)
    with directory() as place, receiving(receiver, address=f"unix:{place}/lmtp", dialect="lmtp"):
        (place / "lmtp").chmod(0o666)  # Postfix is another user
        with postfix(NextHop(unix=f"{place}/lmtp")) as peer:
            peer.send(MESSAGES["periods"], TO)
            fates = {to: fate(peer, to) for to in TO}
            # It tells the sender what has bounced, over the same way.
            peer.until(lambda: "a@x.example" in boxes.stored, "the bounce")
    assert fates == {
        "one@y.example": ("2.1.5", "sent", "250 2.1.5 Stored"),
        "nobody@y.example": ("5.1.1", "bounced", "550 5.1.1 No such user"),
        "full@y.example": ("4.2.2", "deferred", "452 4.2.2 Over quota"),
        "two@y.example": ("2.1.5", "sent", "250 2.1.5 Stored"),
    }
    relayed, bounce = receiver.messages
    assert {rcpt.forward_path for rcpt in relayed.rcpts} == {*TO} - {"nobody@y.example"}
    assert (bounce.mail.reverse_path, [rcpt.forward_path for rcpt in bounce.rcpts]) == ("", ["a@x.example"])
    assert set(re.findall(rb"\nFinal-Recipient: rfc822; ?(\S+)", bounce.content)) == {b"nobody@y.example"}
    del boxes.stored["a@x.example"]
    assert boxes.stored.keys() == {"one@y.example", "two@y.example"}
    for contents in boxes.stored.values():
        assert list(map(as_relayed, contents)) == [as_relayed(MESSAGES["periods"])]
