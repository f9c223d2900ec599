"""Tocsin's own TLS: modern only, renewed without a restart, and every mistake told before it counts."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import uvloop

from bot.app import App
from bot.config import ConfigErrors, load
from tests.standins.certificate import make

CONFIG = """
listen: 127.0.0.1:0
tls: {certificate: own.crt, key: own.key}
store: sqlite:///FOLDER/tocsin.db
chats: {console: {type: console}}
channels: {ops: {chat: console}}
sources: {prometheus: {type: alertmanager, auth: {bearer: token}}}
route: {channels: [ops]}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    make(tmp_path / "own.crt", tmp_path / "own.key")
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.replace("FOLDER", str(tmp_path)))
    return path


@pytest.fixture
async def app(config: Path) -> AsyncIterator[App]:
    found = App(load(config), config)
    await found.start()
    yield found
    await found.stop()


def edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


async def ask(app: App, ca: Path, ciphers: str = "", newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> aiohttp.ClientResponse:
    """The answer to a browser that trusts `ca` and speaks only so much."""
    context = ssl.create_default_context(cafile=ca)
    if ciphers:
        context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    context.minimum_version = min(context.minimum_version, newest)
    context.maximum_version = newest
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(connector=connector) as http, http.get(f"https://127.0.0.1:{app.port}/signin") as answer:
        return answer


async def test_it_serves_https(app: App, config: Path) -> None:
    answer = await ask(app, config.parent / "own.crt")
    assert answer.status == 200 and answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert answer.headers["Set-Cookie"].startswith("__Host-") and "Secure" in answer.headers["Set-Cookie"]
    assert app.config.public_url.startswith("https://")


@pytest.mark.parametrize(("ciphers", "newest"), [
    ("ALL", ssl.TLSVersion.TLSv1_1),
    ("ECDHE-ECDSA-AES128-SHA", ssl.TLSVersion.TLSv1_2),  # no authenticated encryption
])  # fmt: skip
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_it_speaks_nothing_old(app: App, config: Path, ciphers: str, newest: ssl.TLSVersion) -> None:
    own = config.parent / "own.crt"
    assert (await ask(app, own, "ECDHE-ECDSA-AES256-GCM-SHA384", ssl.TLSVersion.TLSv1_2)).status == 200
    with pytest.raises(aiohttp.ClientConnectorError):
        await ask(app, own, ciphers, newest)


async def test_a_new_certificate_is_taken_over_by_a_reload(app: App, config: Path) -> None:
    new = config.parent / "new.crt"
    make(new, config.parent / "own.key")
    (config.parent / "own.crt").write_bytes(new.read_bytes())
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await ask(app, new)
    assert await app.reload()
    assert (await ask(app, new)).status == 200


async def test_a_reload_with_a_broken_certificate_keeps_the_old(app: App, config: Path) -> None:
    make(config.parent / "other.crt", config.parent / "other.key")
    for old, new in (("key: own.key", "key: other.key"), ("tls:", "# tls:")):
        edit(config, old, new)
        assert not await app.reload()
        assert (await ask(app, config.parent / "own.crt")).status == 200
    assert app.health.config_error == "`tls` changed: that needs a restart, and until then all stays as it was"


@pytest.mark.parametrize(("spoil", "told"), [
    ("cp other.key own.key", "the key in {0}/own.key is not that of the certificate in {0}/own.crt"),
    ("cp own.crt own.key", 'the file {0}/own.key holds no private key in PEM ("-----BEGIN … PRIVATE KEY-----")'),
    ("encrypt", "the key in {0}/own.key needs a passphrase, which nobody can type at a restart: store it without"),
    ("cut", "{0}/own.crt and {0}/own.key cannot be used: "),
])  # fmt: skip
def test_mistakes(config: Path, spoil: str, told: str) -> None:
    folder = config.parent
    make(folder / "other.crt", folder / "other.key")
    key = folder / "own.key"
    if spoil.startswith("cp"):
        key.write_bytes((folder / spoil.split()[1]).read_bytes())
    elif spoil == "encrypt":
        key.write_text(key.read_text().replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\n", 1))
    else:
        lines = (folder / "own.crt").read_text().splitlines()
        (folder / "own.crt").write_text("\n".join([*lines[:2], lines[-1]]))
    with pytest.raises(ConfigErrors) as found:
        load(config)
    assert [problem.what.startswith(told.format(folder)) for problem in found.value.problems] == [True], str(found.value)
    assert "-----BEGIN EC" not in str(found.value)


def test_it_serves_on_the_loop_that_it_runs_on(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tocsin run` takes uvloop, whose connections are not quite asyncio's."""
    monkeypatch.setattr("bot.door.HEAD_SECONDS", 0.3)

    async def story() -> None:
        app = App(load(config), config)
        await app.start()
        try:
            silent, writer = await asyncio.open_connection("127.0.0.1", app.port, ssl=ssl._create_unverified_context())
            assert (await ask(app, config.parent / "own.crt")).status == 200
            assert await app.reload() and (await ask(app, config.parent / "own.crt")).status == 200
            assert await asyncio.wait_for(silent.read(), 5) == b""
            writer.close()
        finally:
            await app.stop()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story())
