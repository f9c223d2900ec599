"""Where `tocsin send` posts, and as which source: by its options, and what they leave open by the config."""

from __future__ import annotations

import msgspec

from adapters import registry
from adapters.auth import Auth
from adapters.signature import GITHUB, Signed
from adapters.source import Request
from bot.cli.proof import prove
from bot.cli.sample import CannotSend
from bot.config import Config


class Target(msgspec.Struct, frozen=True):
    """Where to post, and how to prove who we are. Without `source`: to the Alertmanager API, whose credential names it."""

    address: str
    source: str = ""
    token: str = ""
    auth: Auth | None = None
    signed: Signed = GITHUB

    @property
    def url(self) -> str:
        """Without any secret that stands in it when it is used."""
        return f"{self.address}/webhooks/{self.source}" if self.source else f"{self.address}/api/v2/alerts"

    def proved(self, request: Request, now: float) -> Request:
        """The request with our proof. Raises CannotSend."""
        if self.token:
            return msgspec.structs.replace(request, headers={**request.headers, "Authorization": f"Bearer {self.token}"})
        return prove(request, self.auth, self.signed, self.source, now) if self.auth else request


def target_from(config: Config | None, address: str | None, source: str | None, token: str | None, kind: str | None) -> Target:
    """What the options leave open comes from the config. `kind`: of source, to be the sample of. Raises CannotSend."""
    if config is None:
        if not address:
            raise CannotSend("say where to: --to http://127.0.0.1:8080")
        if kind and not source:
            raise CannotSend("say as which source: --source NAME")
        return Target(address.rstrip("/"), source or "", token or "")
    name = _source_of(config, source, kind)
    address = (address or (config.public_url if config.tls else _local(config.listen))).rstrip("/")
    signed = getattr(registry.load(registry.SOURCES[config.sources[name].type]), "signed", GITHUB)
    return Target(address, name, token or "", config.sources[name].auth, signed)


def _source_of(config: Config, source: str | None, kind: str | None) -> str:
    """The source to be: the one that is said, else of that kind the only one. Of Alertmanager's kind the first will do."""
    wanted = kind or "alertmanager"
    fitting = [name for name, found in config.sources.items() if found.type == wanted]
    if source is None and (len(fitting) == 1 or (fitting and kind is None)):
        return fitting[0]
    if source in fitting:
        return source
    if source in config.sources:
        found = config.sources[source].type
        raise CannotSend(f"{source} is of type {found}" + (f": --as {found}" if kind else f"; its own sample: --as {found}"))
    if kind and not fitting:
        raise CannotSend(f"no source of the configuration is of type {kind}; docs/sources.md has the lines to add")
    raise CannotSend(f"say as which source: --source {' or '.join(fitting if kind else config.sources)}")


def _local(listen: str) -> str:
    """The address to reach a bot of this configuration on this machine."""
    host, _, port = listen.rpartition(":")
    return f"http://{ {'0.0.0.0': '127.0.0.1', '[::]': '[::1]'}.get(host, host) }:{port}"
