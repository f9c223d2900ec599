"""What people do in the modals and home tabs of the stand-in Slack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.standins.slack_elements import action_of, find_element, label_of, picked
from tests.standins.slack_limits import check_view
from tests.standins.slack_people import People, Seen
from tests.standins.slack_state import Body, SlackError, View
from tests.standins.slack_views import home_of, replace_view, show, stack, view_object


class Modals(People):
    """A view is what `modal` or `home` gives; its owner acts."""

    def modal(self, user: str) -> View | None:
        """The top one that this user has open."""
        return next(iter(stack(self.workspace, user)[::-1]), None)

    def home(self, user: str) -> View | None:
        """The app's home tab as this user last got it."""
        return home_of(self.workspace, user)

    async def press_in(self, view: View, what: str) -> Seen:
        """Presses a button in a view, found by action_id, value or label."""
        return await self.choose_in(view, what, "")

    async def choose_in(self, view: View, what: str, option: str) -> Seen:
        """Chooses an option in a view; the app hears of it unless the input sits in a block that does not dispatch."""
        block, element = self._set(view, what, option)
        seen = Seen(self.workspace, view.user)
        if block["type"] == "input" and not block.get("dispatch_action"):
            seen.acked = True
            return seen
        payload = self._block_actions(view.user, action_of(self.workspace, block, element, option), view)
        payload |= {"container": {"type": "view", "view_id": view.id}, "view": view_object(self.workspace, view)}
        return await self._done(seen, "interactive", payload)

    async def fill(self, view: View, what: str, text: str) -> Seen:
        """Types into an input, found by block_id, action_id or label; it tells the app if its block dispatches."""
        return await self.choose_in(view, what, text)

    async def submit(self, view: View, values: Mapping[str, str] | None = None) -> Seen:
        """Fills in what is given (by block_id, action_id or label) and presses the submit button.

        Slack itself refuses what is required and empty. The errors, the next view or the closing are as the app answered.
        """
        for what, text in (values or {}).items():
            self._set(view, what, text)
        seen = Seen(self.workspace, view.user)
        view.errors = seen.errors = _incomplete(self._state(view), view)
        if seen.errors:
            return seen
        payload = {
            **self._interaction("view_submission", view.user), "trigger_id": self.workspace.new_trigger(view.user, view.id),
            "view": view_object(self.workspace, view), "response_urls": [],
        }  # fmt: skip
        delivery = await self.courier.ask("interactive", payload)
        seen.acked = delivery.acked
        if seen.acked:
            self._obey(view, delivery.body or {}, seen)
        else:
            seen.error = "operation_timeout"
        self.workspace.changed()
        return seen

    async def close_modal(self, view: View) -> Seen:
        """The app hears of it only with notify_on_close."""
        seen, view.open = Seen(self.workspace, view.user), False
        self.workspace.changed()
        if not view.body.get("notify_on_close"):
            return seen
        more = {"view": view_object(self.workspace, view), "is_cleared": False}
        return await self._done(seen, "interactive", {**self._interaction("view_closed", view.user), **more})

    def _set(self, view: View, what: str, value: str) -> tuple[Body, Body]:
        """Notes the state of an input and returns its block and element."""
        if not view.open:
            raise LookupError("this view is closed")
        blocks: list[Body] = view.body["blocks"]
        own = [block for block in blocks if block["block_id"] == what] or blocks
        own_element = own[0].get("element", {}).get("action_id") if len(own) == 1 and own[0]["block_id"] == what else None
        _, block, element = find_element([(0, block) for block in own], own_element or what)
        if element["type"] not in ("button", "overflow"):
            state = {"type": element["type"], **picked(element, value)}
            view.values.setdefault(block["block_id"], {})[element["action_id"]] = state
        return block, element

    def _state(self, view: View) -> dict[str, Body]:
        values: dict[str, Body] = view_object(self.workspace, view)["state"]["values"]
        return values

    def _obey(self, view: View, body: Body, seen: Seen) -> None:
        """What the acknowledgement of a submission asks for."""
        action: Any = body.get("response_action")
        try:
            if action == "errors":
                known = {block["block_id"] for block in view.body["blocks"] if block["type"] == "input"}
                if not body.get("errors") or not body["errors"].keys() <= known:
                    raise SlackError("invalid_errors")
                view.errors = seen.errors = body["errors"]
            elif action in ("update", "push"):
                check_view(body["view"], home=False)
                show(self.workspace, view.user, body["view"], view) if action == "push" else replace_view(
                    self.workspace, view, body["view"]
                )
            else:
                for other in stack(self.workspace, view.user) if action == "clear" else [view]:
                    other.open = False
        except SlackError as problem:
            seen.error = f"{problem.code} {problem.more}"


def _incomplete(state: Mapping[str, Body], view: View) -> dict[str, str]:
    """What Slack's own client says before it sends anything."""
    found = {}
    for block in view.body["blocks"]:
        if block["type"] != "input":
            continue
        element = block["element"]
        now = state[block["block_id"]][element["action_id"]]
        value = next((part for name, part in now.items() if name != "type"), None)
        if not value and not block.get("optional"):
            found[block["block_id"]] = f"Please complete this required field: {label_of(block, element)}"
        elif isinstance(value, str) and not element.get("min_length", 0) <= len(value) <= element.get("max_length", 3000):
            found[block["block_id"]] = "too short or too long"
    return found
