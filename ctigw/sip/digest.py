"""Digest authentication, both sides (RFC 3261 §22, RFC 7616, RFC 8760): SHA-256 before MD5, qop=auth.

The server keeps nothing of a challenge: a nonce is a time, signed.  What it keeps is how often each nonce was
used by somebody who knew a password, so that no request is taken twice.  A nonce that is not in these books
is new, unless it is older than what was thrown out of them, or than the process: those are stale.

Whoever knows the password and uses a nonce that is not (any longer) good is told that it is stale, and asks
again without troubling its user (RFC 7616 §3.3).  That goes for phones too that count from 1 each time.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from ctigw.sip.errors import Malformed
from ctigw.sip.uri import aor
from ctigw.values import Enum, value

# The strongest first; whoever is asked takes the first that it knows (RFC 8760 §2.3).  Most phones: MD5.
ALGORITHMS: Mapping[str, Callable[[bytes], str]] = {
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}
_STRENGTH = tuple(ALGORITHMS)
# Nonces in use; about 100 bytes each.
MOST = 100_000
# Header fields of one request that are looked at.
_LOOKED_AT = 4
_LONGEST = 4096
_PARAMETER = re.compile(
    r"[\s,]*+([!#$%&'*+.^_`|~0-9A-Za-z-]++)\s*=\s*"
    r'(?:"((?:[^"\\]|\\.)*+)"|([^\s,"]++))\s*+(?=,|\Z)',
    re.DOTALL,
)
_NONCE = re.compile(r"([0-9a-f]{16})([0-9a-f]{32})\Z")
_COUNT = re.compile(r"[0-9a-fA-F]{1,8}\Z")
_ONCE = 0x1_0000_0000  # of a nonce that is used without counting: more than any count


class Lookup(Protocol):
    """Gives H(user:realm:password) as `ha1` does; None for nobody, or one without it."""

    def __call__(self, user: str, algorithm: str, /) -> str | None: ...


class Outcome(Enum):
    """What credentials are worth.  Only ACCEPTED lets a request in; STALE is a challenge with stale=true."""

    ACCEPTED = "accepted"
    MISSING = "no credentials"
    MALFORMED = "credentials that cannot be read"
    STALE = "stale nonce"
    WRONG = "wrong credentials"


@value
class Verdict:
    """``user``: the name that was given, as it was given, once it is proved."""

    outcome: Outcome
    user: str = ""

    @property
    def stale(self) -> bool:
        """Whether the next challenge says so."""
        return self.outcome is Outcome.STALE


@value
class Challenge:
    """What a server asks for, if we can answer that; ``counted``: with qop=auth."""

    realm: str
    nonce: str
    algorithm: str
    counted: bool
    opaque: str = ""
    stale: bool = False


def ha1(user: str, realm: str, password: str, algorithm: str) -> str:
    """H(user:realm:password), all that a server must keep of a password."""
    return _hash(algorithm, user, realm, password)


class Digest:
    """A server that asks for passwords of ``realm``.

    ``secret``: signs nonces; ``now``: the time, in seconds; ``seconds``: how long a nonce is good.
    ``algorithms``: those offered.  ``most`` bounds the nonces whose use is remembered.
    """

    def __init__(
        self,
        realm: str,
        secret: bytes,
        now: Callable[[], float],
        seconds: float = 300.0,
        *,
        algorithms: Sequence[str] = _STRENGTH,
        most: int = MOST,
    ) -> None:
        self.realm = realm
        self._secret, self._now, self._most = secret, now, most
        self._algorithms = tuple(name for name in _STRENGTH if name in algorithms)
        self._age = int(seconds * 1e6)
        # The highest count of each nonce, by its time in microseconds, which no two share.
        self._counts: dict[int, int] = {}
        self._last = int(now() * 1e6)
        # Of a nonce as old as this nobody knows any more whether it was used.
        self._forgotten = self._last
        self._nobody = {name: _hash(name, secret.hex(), "nobody") for name in self._algorithms}

    def __len__(self) -> int:
        return len(self._counts)

    def challenges(self, *, stale: bool = False) -> list[str]:
        """Values of WWW-Authenticate or Proxy-Authenticate, each a line of its own."""
        self._last = max(int(self._now() * 1e6), self._last + 1)
        time = f"{self._last:016x}"
        nonce = time + self._signature(time)
        end = ", stale=true" if stale else ""
        realm = _quoted(self.realm)
        return [
            f'Digest realm={realm}, nonce="{nonce}", algorithm={algorithm}, qop="auth"{end}'
            for algorithm in self._algorithms
        ]

    def check(self, credentials: Iterable[str], method: str, uri: str, lookup: Lookup) -> Verdict:
        """What the lines of Authorization or Proxy-Authorization are worth, for a request to ``uri``."""
        verdict = Verdict(Outcome.MISSING)
        for line in list(credentials)[:_LOOKED_AT]:
            given = parameters(line)
            if given is None:
                verdict = Verdict(Outcome.MALFORMED)
            elif given.get("realm") == self.realm:
                verdict = self._judge(given, method, uri, lookup)
                if verdict.outcome is Outcome.ACCEPTED:
                    break
        return verdict

    def _judge(self, given: Mapping[str, str], method: str, uri: str, lookup: Lookup) -> Verdict:
        algorithm = _known(given.get("algorithm", "MD5"))
        counted = "qop" in given
        wanted = ("username", "nonce", "uri", "response", *(("nc", "cnonce") if counted else ()))
        if algorithm not in self._algorithms or any(not given.get(name) for name in wanted):
            return Verdict(Outcome.MALFORMED)
        if counted and (given["qop"].lower() != "auth" or not _COUNT.match(given["nc"])):
            return Verdict(Outcome.MALFORMED)
        user, nonce = given["username"], given["nonce"]
        known = lookup(user, algorithm)
        # For nobody the same is done as for somebody: how long it takes must not tell who there is.
        expected = _response(
            algorithm,
            known or self._nobody[algorithm],
            nonce,
            (given["nc"], given["cnonce"]) if counted else None,
            _hash(algorithm, method, given["uri"]),
        )
        right = hmac.compare_digest(expected.encode(), _bytes(given["response"].lower()))
        if not right or known is None or not _same_target(given["uri"], uri):
            return Verdict(Outcome.WRONG)
        if not self._fresh(nonce, int(given["nc"], 16) if counted else _ONCE):
            return Verdict(Outcome.STALE)
        return Verdict(Outcome.ACCEPTED, user)

    def _fresh(self, nonce: str, count: int) -> bool:
        """Whether the nonce is ours, is not too old, and was not used with ``count`` or more; it is now."""
        match = _NONCE.match(nonce)
        if not match or not hmac.compare_digest(self._signature(match[1]), match[2]):
            return False
        time, counts = int(match[1], 16), self._counts
        oldest = int(self._now() * 1e6) - self._age
        before = counts.get(time)
        if not oldest <= time <= self._last or (before is None and time <= self._forgotten):
            return False
        if before is not None:
            if count <= before:
                return False
            counts[time] = count
            return True
        while counts and ((first := next(iter(counts))) < oldest or len(counts) >= self._most):
            del counts[first]
            self._forgotten = max(self._forgotten, first)
        counts[time] = count
        return True

    def _signature(self, time: str) -> str:
        signed = _bytes(f"{time}:{self.realm}")
        return hmac.digest(self._secret, signed, "sha256")[:16].hex()


# The client's side


def challenges_of(lines: Iterable[str]) -> list[Challenge]:
    """The challenges that can be answered, the strongest first; of equal ones in their order."""
    found = []
    for line in list(lines)[: 2 * _LOOKED_AT]:
        asked = parameters(line)
        if asked is None or not asked.get("nonce") or "realm" not in asked:
            continue
        algorithm = _known(asked.get("algorithm", "MD5"))
        qops = [qop.strip().lower() for qop in asked.get("qop", "").split(",") if qop.strip()]
        if algorithm in ALGORITHMS and (not qops or "auth" in qops):
            stale = asked.get("stale", "").lower() == "true"
            found.append(
                Challenge(
                    asked["realm"], asked["nonce"], algorithm, bool(qops), asked.get("opaque", ""), stale
                )
            )
    return sorted(found, key=lambda challenge: _STRENGTH.index(challenge.algorithm))


def credentials(
    challenge: Challenge, method: str, uri: str, *, user: str, password: str, nc: int = 1, cnonce: str = ""
) -> str:
    """The value of (Proxy-)Authorization that answers ``challenge``.

    ``nc``: how often its nonce has been used, this time included; ``cnonce``: a random token of ours.
    """
    count = (f"{nc:08x}", cnonce) if challenge.counted else None
    name = challenge.algorithm
    secret = ha1(user, challenge.realm, password, name)
    response = _response(name, secret, challenge.nonce, count, _hash(name, method, uri))
    parts = [
        f"username={_quoted(user)}",
        f"realm={_quoted(challenge.realm)}",
        f"nonce={_quoted(challenge.nonce)}",
        f"uri={_quoted(uri)}",
        f'response="{response}"',
        f"algorithm={name}",
    ]
    if count is not None:
        parts.append(f"qop=auth, nc={count[0]}, cnonce={_quoted(cnonce)}")
    if challenge.opaque:
        parts.append(f"opaque={_quoted(challenge.opaque)}")
    return "Digest " + ", ".join(parts)


def answer(
    status: int,
    lines: Iterable[str],
    method: str,
    uri: str,
    *,
    user: str,
    password: str,
    nc: int = 1,
    cnonce: str = "",
) -> tuple[str, str] | None:
    """The header field that answers the challenges of a 401 or 407; None when none can be answered."""
    asked = challenges_of(lines)
    if not asked:
        return None
    text = credentials(asked[0], method, uri, user=user, password=password, nc=nc, cnonce=cnonce)
    return AUTHORIZATIONS[status], text


# What answers each status, and the header field of the response that asks for it.
AUTHORIZATIONS: Mapping[int, str] = {401: "Authorization", 407: "Proxy-Authorization"}
AUTHENTICATES: Mapping[int, str] = {401: "WWW-Authenticate", 407: "Proxy-Authenticate"}


class Login:
    """A client that proves who it is as long as the server's nonce is good, without being asked each time.

    ``cnonce`` gives a random token each time it is called.
    """

    def __init__(self, user: str, password: str, cnonce: Callable[[], str]) -> None:
        self._user, self._password, self._cnonce = user, password, cnonce
        # By status, since a server and a proxy before it may both ask: what for, and how often we answered.
        self._asked: dict[int, tuple[Challenge, int]] = {}
        # How often there was something to learn.
        self.told = 0

    def learn(self, status: int, lines: Iterable[str], told: int | None = None) -> bool:
        """A request was refused with 401 or 407; whether there is a point in asking again.

        ``told``: what it was when the request was made, for who makes several at once: those that were on
        their way when something was learnt did not know it.

        There is none when a nonce was refused that nobody had used before, and is not called stale.  One that
        had been taken before may have got too old with a server that does not say so.
        """
        if told is not None and told < self.told:
            return True
        asked = challenges_of(lines)
        before = self._asked.pop(status, None)
        if not asked or (before is not None and before[1] == 1 and not asked[0].stale):
            return False
        self._asked[status] = (asked[0], 0)
        self.told += 1
        return True

    def headers(self, method: str, uri: str) -> list[tuple[str, str]]:
        """What a request needs now; nothing, before anybody has asked."""
        headers = []
        for status, (challenge, count) in self._asked.items():
            self._asked[status] = (challenge, count + 1)
            cnonce, user, password = self._cnonce(), self._user, self._password
            text = credentials(
                challenge, method, uri, user=user, password=password, nc=count + 1, cnonce=cnonce
            )
            headers.append((AUTHORIZATIONS[status], text))
        return headers


# Both sides


def parameters(line: str) -> dict[str, str] | None:
    """``Digest name=value, name="value"``: the parameters, names in lower case; None for anything else.

    Values are as they stand between the quotes, which is what is hashed (RFC 7616 §3.4).
    """
    scheme, _, rest = line.strip().partition(" ")
    if scheme.lower() != "digest" or len(rest) > _LONGEST:
        return None
    found: dict[str, str] = {}
    at = 0
    while match := _PARAMETER.match(rest, at):
        name = match[1].lower()
        if name in found:
            return None
        found[name] = match[3] if match[2] is None else match[2]
        at = match.end()
    return found if not rest[at:].strip(", \t\r\n") else None


def _response(algorithm: str, secret: str, nonce: str, count: tuple[str, str] | None, what: str) -> str:
    """RFC 7616 §3.4.1; without ``count`` (nc and cnonce) as in RFC 2069.  ``what``: H(method:uri)."""
    if count is None:
        return _hash(algorithm, secret, nonce, what)
    return _hash(algorithm, secret, nonce, *count, "auth", what)


def _hash(algorithm: str, *parts: str) -> str:
    return ALGORITHMS[algorithm](_bytes(":".join(parts)))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _known(algorithm: str) -> str:
    return algorithm.upper()


def _quoted(text: str) -> str:
    """In quotes; what has a quote in it came so, escaped already, or is a name that nobody has."""
    return f'"{text}"'


def _same_target(given: str, uri: str) -> bool:
    """Whether two URIs name the same user: proxies on the way may have changed hosts and parameters."""
    return given == uri or _user_of(given) == _user_of(uri)


def _user_of(uri: str) -> str | None:
    try:
        return aor(uri).rpartition("@")[0]
    except Malformed:
        return None
