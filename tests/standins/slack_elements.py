"""Buttons, menus and inputs in the blocks of the stand-in Slack, found as a person finds them: by what stands on them."""

from __future__ import annotations

from collections.abc import Sequence

from tests.standins.slack_state import Body, Workspace

STATE_NAMES = {
    "datepicker": "selected_date", "timepicker": "selected_time", "datetimepicker": "selected_date_time",
    "users_select": "selected_user", "conversations_select": "selected_conversation", "channels_select": "selected_channel",
}  # fmt: skip
"""Where the state of such an input stands; other menus have selected_option or selected_options."""


def find_element(blocks: Sequence[tuple[int, Body]], what: str) -> tuple[int, Body, Body]:
    """The attachment's number, block and element with this action_id, value or label. Raises LookupError with what there is."""
    known = [
        (number, block, element)
        for number, block in blocks
        for element in [*(block.get("elements") or ()), block.get("accessory"), block.get("element")]
        if isinstance(element, dict) and "action_id" in element
    ]
    for _, block, element in known:
        if what in (element["action_id"], element.get("value"), label_of(block, element)):
            return next(entry for entry in known if entry[2] is element)
    near = [entry for entry in known if what.lower() in label_of(entry[1], entry[2]).lower()]
    if len(near) != 1:
        raise LookupError(
            f"no {what!r} among {[label_of(block, element) or element['action_id'] for _, block, element in known]}"
        )
    return near[0]


def label_of(block: Body, element: Body) -> str:
    """What a reader sees on it: the text of a button, the label of an input, the placeholder of a menu."""
    words = element.get("text") or block.get("label") or element.get("placeholder") or {}
    return str(words.get("text", ""))


def option_of(element: Body, what: str) -> Body:
    """The option with this label or value. Raises LookupError with what there is."""
    groups = element.get("option_groups") or [{"options": element.get("options") or []}]
    options: list[Body] = [option for group in groups for option in group["options"]]
    for option in options:
        if what in (option.get("value"), option["text"]["text"]):
            return option
    raise LookupError(f"no {what!r} among {[option['text']['text'] for option in options]}")


def picked(element: Body, what: str) -> Body:
    """The state of an input once `what` is chosen or typed into it."""
    kind = element["type"]
    if kind == "button":
        return {name: element[name] for name in ("text", "value", "style", "url") if name in element}
    if kind.endswith("_input"):
        return {"value": what}
    if kind in STATE_NAMES:
        return {STATE_NAMES[kind]: int(what) if kind == "datetimepicker" else what}
    if kind == "checkboxes" or kind.startswith("multi_"):
        return {"selected_options": [option_of(element, one) for one in what.split(",") if one]}
    return {"selected_option": option_of(element, what)}


def action_of(workspace: Workspace, block: Body, element: Body, what: str) -> Body:
    common = {
        "type": element["type"],
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        "action_ts": workspace.new_ts(),
    }
    return {**common, **picked(element, what)}


def chosen_by(block: Body, element: Body, action: Body) -> Body:
    if element["type"] in ("button", "overflow"):
        return {}
    kept = {name: value for name, value in action.items() if name == "type" or name.startswith("selected") or name == "value"}
    return {block["block_id"]: {element["action_id"]: kept}}
