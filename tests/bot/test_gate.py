"""Whose a bare call of the Alertmanager API is: found once per secret, and no longer than that secret is right."""

from types import SimpleNamespace
from typing import Any

from adapters.source import Rejected, Request
from adapters.sources.alertmanager import Alertmanager, AlertmanagerConfig
from bot.attempts import Attempts
from bot.gate import Gate


class Door:
    """A gate before sources with these credentials; `auths` may be changed, as a reload does."""

    def __init__(self, rate: float | None = None, **auths: Any) -> None:
        self.now = 0.0
        self.reload(rate, **auths)
        self.gate = Gate(lambda: self.config, Attempts(lambda: self.now), lambda: 1e9, lambda: self.now)

    def reload(self, rate: float | None = None, **auths: Any) -> None:
        found = {name: AlertmanagerConfig.model_validate({"auth": auth, "rate": rate}) for name, auth in auths.items()}
        self.config: Any = SimpleNamespace(sources=found)
        self._sources = {name: Alertmanager(name, config) for name, config in found.items()}

    def whose(self, token: str, remote: str = "192.0.2.1") -> str:
        """The source's name, or the status of the refusal."""
        head = Request("POST", "api/v2/alerts", {"authorization": f"Bearer {token}"}, b"", remote)
        try:
            found = self.gate.identify("alertmanager", head, self._sources)
            assert found
            return found[0]
        except Rejected as problem:
            return str(problem.status)


def test_each_secret_names_its_source_every_time() -> None:
    door = Door(one={"bearer": "first"}, two={"bearer": "second"})
    assert [door.whose(token) for token in ("second", "first", "second", "third", "first")] == ["two", "one", "two", "401", "one"]


def test_a_secret_that_left_the_config_is_right_no_longer() -> None:
    door = Door(one={"bearer": "first"}, two={"bearer": "second"})
    assert (door.whose("first"), door.whose("second")) == ("one", "two")
    door.reload(one={"bearer": "second"}, two={"bearer": "other"})
    assert (door.whose("first"), door.whose("second")) == ("401", "one")


def test_where_addresses_have_a_say_they_have_it_each_time() -> None:
    near = ["10.0.0.0/8"]
    door = Door(one={"bearer": "same", "ip": near}, two={"bearer": "same"}, three={"bearer": "own", "ip": near})
    for _ in range(2):
        assert (door.whose("same", "10.1.1.1"), door.whose("same")) == ("one", "two")
        assert (door.whose("own", "10.1.1.1"), door.whose("own")) == ("three", "401")


def test_the_rate_counts_for_whoever_is_known_already() -> None:
    door = Door(rate=2.0, one={"bearer": "first"})
    assert [door.whose("first") for _ in range(4)] == ["one", "one", "429", "429"]
