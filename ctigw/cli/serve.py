"""The commands that are the gateway: demo, run, check."""

from __future__ import annotations

import contextlib
import gc
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import click
from twisted.internet.defer import Deferred

from ctigw.cli.running import UNUSABLE, fail, on_reactor
from ctigw.config import Config, ConfigError, DriverSettings, Listener, Log, load
from ctigw.config.presence import Presence
from ctigw.config.sip import Sip, SipListener
from ctigw.config.web import Web, WebListener

PORT = 4721
SIP_PORT = 5060
WEB_PORT = 8443
# The product's other ports, by how much they are below it: 8080, 8082, 8083.
PLAIN_EPAS, PLAIN_PRESENCE, PRESENCE = 363, 361, 360
data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var"),
    show_default=True,
    envvar="CTIGW_DATA",
    help="Folder for settings; made when it is not there.",
)
config_option = click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    envvar="CTIGW_CONFIG",
    help="TOML; without it everything is at its default.",
)


@click.command()
@data_option
@click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: any free one."
)
@click.option(
    "--sip-port",
    type=click.IntRange(0, 65534),
    default=SIP_PORT,
    show_default=True,
    help="UDP and TCP; TLS has the next one.  0: any free ones.",
)
@click.option(
    "--web-port",
    type=click.IntRange(0, 65535),
    default=WEB_PORT,
    show_default=True,
    help="TLS; three more are 363, 361 and 360 below it.  0: any free ones.",
)
def demo(data: Path, port: int, sip_port: int, web_port: int) -> None:
    """Run the gateway with a simulated PBX of twenty lines; nothing to configure."""
    from ctigw.directory.demo import ensure_demo

    if 0 < web_port <= PLAIN_EPAS:
        fail(f"--web-port {web_port}: three more ports are below it, the lowest by {PLAIN_EPAS}", UNUSABLE)
    config = _demo_config(data, port, sip_port, web_port)

    def welcome(running: Any) -> None:
        click.echo(_welcome(running, data))

    def in_words(why: str) -> str:
        """Who runs the demo has no configuration whose keys could be named."""
        key, _, rest = why.partition(": ")
        if key == "listeners[0].endpoint":
            return f"port {port} cannot be had; `--port 0` takes any free one ({rest})"
        ports = f"{sip_port} and {sip_port + 1}"
        if key.startswith("sip.listeners"):
            return f"ports {ports} cannot be had; `--sip-port 0` takes any free ones ({rest})"
        if key.startswith("web.listeners"):
            below = ", ".join(str(web_port - less) for less in (PLAIN_EPAS, PLAIN_PRESENCE, PRESENCE))
            ports = f"{below} and {web_port}"
            return f"ports {ports} cannot be had; `--web-port 0` takes any free ones ({rest})"
        return why

    _serve(config, data, welcome, in_words=in_words, prepare=ensure_demo)


def _demo_config(data: Path, port: int = PORT, sip_port: int = SIP_PORT, web_port: int = WEB_PORT) -> Config:
    from ctigw.directory.demo import DOMAIN

    control = str(data / "sim.sock")  # where `ctigw sim` looks for it
    return Config(
        listeners=(Listener(endpoint=f"tcp:{port}:interface=127.0.0.1"),),
        driver=DriverSettings(settings={"script": "demo", "control": control}),
        sip=Sip(listeners=_demo_listeners(data, sip_port), domains=(DOMAIN,)),
        # Colleagues see each other: nobody has to make a rule first.
        presence=Presence(without_rule="all", recent_messages=True),
        web=Web(listeners=_demo_web(data, web_port)),
        # Calls come and go all day: their figures are nothing to read beside one's own work.
        log=Log(figures_seconds=0, folder=str(data / "log")),
    )


def _demo_listeners(data: Path, port: int) -> tuple[SipListener, ...]:
    """Over UDP and TCP nobody is asked for a password; over TLS everybody is."""
    certificate, key = _demo_certificate(data)
    return (
        SipListener(transport="udp", port=port, authentication="none"),
        SipListener(transport="tcp", port=port, authentication="none"),
        SipListener(
            transport="tls",
            port=port and port + 1,
            tls_certificate=certificate,
            tls_key=key,
        ),
    )


def _demo_web(data: Path, port: int) -> tuple[WebListener, ...]:
    """The product's ports: with TLS, and without it as far as clients look for that."""
    certificate, key = _demo_certificate(data)
    secure = partial(WebListener, tls_certificate=certificate, tls_key=key)
    return (
        secure(port=port, serves=("epas", "axl", "serviceability")),
        WebListener(port=port and port - PLAIN_EPAS, serves=("epas",)),
        WebListener(port=port and port - PLAIN_PRESENCE, serves=("presence",)),
        secure(port=port and port - PRESENCE, serves=("presence",)),
    )


def _demo_certificate(data: Path) -> tuple[str, str]:
    """The files of a certificate and its key; made at the first start."""
    from ctigw.net.own_certificate import own_certificate

    certificate, key = own_certificate(data, "localhost", "127.0.0.1")
    return str(certificate), str(key)


@click.command()
@config_option
@data_option
def run(file: Path | None, data: Path) -> None:
    """Run the gateway as the configuration says."""
    try:
        config = load(file) if file else Config()
    except ConfigError as error:
        fail(str(error), UNUSABLE)
    _serve(config, data, in_words=lambda why: f"{file}: {why}" if file else why)


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--live", is_flag=True, help="Ask the gateway that uses it how it is; it runs on this machine.")
@click.option(
    "--demo", "is_demo", is_flag=True, help="With --live: the demo, at its usual ports, and no FILE."
)
@click.option(
    "--as",
    "name",
    envvar="CTIGW_AS",
    default="",
    help="With --live: who asks where that matters; the password is $CTIGW_PASSWORD, or asked for.",
)
@data_option
def check(file: Path | None, live: bool, is_demo: bool, name: str, data: Path) -> None:
    """Say whether a configuration FILE can be used, and whether its gateway is well.

    With --live every listener is asked a question, the database is looked at, and so are disk and
    certificates.  Exit status 1: something is not as it should be.
    """
    if is_demo:
        if file or not live:
            raise click.UsageError("--demo is for --live, and without FILE.")
        if not data.exists():
            fail(f"there is no {data}, so no demo has run here; --data says where", UNUSABLE)
        config = _demo_config(data)
    elif file is None:
        raise click.UsageError("Missing argument 'FILE'.")
    else:
        checked(file)
        click.echo(f"{file}: fine")
        config = load(file)
    if live:
        from ctigw.cli.live import ask

        ask(config, data, name)


def checked(file: Path | None) -> Any:
    """What `app.check` makes of the configuration ``file``; it ends the command when that cannot be used."""
    from ctigw import app

    try:
        config = load(file) if file else Config()
        try:
            return app.check(config)
        except ConfigError as error:
            raise ConfigError(f"{file}: {error}") from None
    except ConfigError as error:
        fail(str(error), UNUSABLE)


def _serve(
    config: Config,
    data: Path,
    ready: Callable[[Any], None] | None = None,
    *,
    in_words: Callable[[str], str] = str,
    prepare: Any = None,
) -> None:
    # What is made until the gateway is up stays as long as it does: looking through it for garbage would take
    # a tenth of the start.
    gc.disable()
    with _without("rich"):  # which structlog would import for tracebacks that are never shown
        from ctigw import app
        from ctigw.net import garbage, logs

    try:
        logs.configure(config.log)
    except OSError as error:
        fail(in_words(f"log.folder: {config.log.folder}: {error.strerror}"), UNUSABLE)
    logs.take_over_twisted()

    async def serve(reactor: Any) -> None:
        try:
            running = await app.start(config, data, reactor, prepare=prepare)
        except ConfigError as error:
            fail(in_words(str(error)), UNUSABLE)
        reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(running.stop()))
        garbage.Garbage(reactor, running.gateway.counters, running.asked).start()
        if ready:
            ready(running)
        await Deferred()  # until a signal

    on_reactor(serve)


@contextlib.contextmanager
def _without(module: str) -> Iterator[None]:
    """Whoever can do without ``module`` is told that it is not installed, unless somebody has it already."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = cast("Any", None)
    try:
        yield
    finally:
        del sys.modules[module]


def _welcome(running: Any, data: Path) -> str:
    from importlib.metadata import version

    me, port = _my_name(), running.addresses[0].port
    udp, tcp, tls = (local.port for local in running.sip.addresses)
    at = "" if port == PORT else f" --at 127.0.0.1:{port}"
    at_sip = "" if udp == SIP_PORT else f" --at udp:127.0.0.1:{udp}"
    https, epas, presence, presence_tls = (address.port for address in running.web.addresses)
    sip_ports = f"{udp} (UDP and TCP)" if udp == tcp else f"{udp} (UDP), {tcp} (TCP)"
    wide = len(f"{me} monitor{at} 2001 2002")
    return f"""\
ctigw {version("ctigw")}

  clients      127.0.0.1:{port}   CSTA XML (ECMA-323, 3rd edition) over TCP
  presence     127.0.0.1:{sip_ports}, {tls} (TLS)   SIP: alice, bob, carol, dave, erin at example.com
  web          127.0.0.1:{https} (TLS: EPAS, AXL, serviceability), {epas} (EPAS),
               {presence}, {presence_tls} (TLS) (presence web service)
  the PBX      simulated: lines 2001 to 2020, and 9 + digits for the outside world
  settings     {data}

Things to try, in a second terminal:

  {me} monitor{at} 2001 2002    watch two lines; leave it running
  {me} call{at} 2001 2002       in a third: 2001 calls 2002, which rings
  {me} answer{at} 2002          and they talk
  {me} presence watch{at_sip} alice@example.com
  {"":{wide}}    in a fourth: what her colleagues see of alice, who has 2001

Ctrl-C ends the demo.
"""


def _my_name() -> str:
    """How the user called this program, so that what is shown can be pasted."""
    called = sys.argv[0]
    return "ctigw" if shutil.which("ctigw") == called else called


COMMANDS: tuple[click.Command, ...] = (demo, run, check)
