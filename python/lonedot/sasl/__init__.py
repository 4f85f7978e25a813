"""Mechanisms of SASL (RFC 4422) for AUTH (RFC 4954), each the server's side of one.

`MECHANISMS` has them by name, strongest first: SCRAM shows the server no password; a token is good for less, and for
less long, than a password; XOAUTH2 and LOGIN are what came before a standard.
"""

from lonedot.sasl.bearer import OAuthBearer, XOAuth2
from lonedot.sasl.exchange import Exchange, Identity, Outcome
from lonedot.sasl.login import Login
from lonedot.sasl.plain import Plain
from lonedot.sasl.scram import ScramSha256
from lonedot.sasl.verifier import ScramVerifier

__all__ = ["MECHANISMS", "Exchange", "Identity", "Outcome", "ScramVerifier"]

MECHANISMS: dict[str, type[Exchange]] = {
    kind.mechanism: kind for kind in (ScramSha256, OAuthBearer, XOAuth2, Plain, Login)
}
