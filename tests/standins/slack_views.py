"""views.* and response_url of the stand-in Slack."""

from __future__ import annotations

from typing import Any

from tests.standins.slack_call import Call
from tests.standins.slack_chat import said_with
from tests.standins.slack_elements import STATE_NAMES
from tests.standins.slack_limits import check_view
from tests.standins.slack_state import Body, Message, SlackError, Version, View, Workspace

MOST_VIEWS = 3


def open_view(work: Workspace, call: Call) -> Body:
    view = _checked(work, call)
    trigger = work.use_trigger(call.text("trigger_id"))
    for other in stack(work, trigger.user):  # a new modal takes the place of what was open
        other.open = False
    return _shown(work, show(work, trigger.user, view))


def push_view(work: Workspace, call: Call) -> Body:
    view = _checked(work, call)
    trigger = work.use_trigger(call.text("trigger_id"))
    below = stack(work, trigger.user)
    if not below:
        raise SlackError("not_found")
    if len(below) >= MOST_VIEWS:
        raise SlackError("push_limit_reached")
    return _shown(work, show(work, trigger.user, view, below[-1]))


def update_view(work: Workspace, call: Call) -> Body:
    body = _checked(work, call)
    view_id, external = call.text("view_id", ""), call.text("external_id", "")
    named = (view for view in work.views.values() if external and view.body.get("external_id") == external)
    view = work.views.get(view_id) or next(named, None)
    if view is None or not view.open:
        raise SlackError("not_found")
    _check_hash(view, call)
    return _shown(work, replace_view(work, view, body))


def publish_view(work: Workspace, call: Call) -> Body:
    body, user = _checked(work, call, home=True), call.text("user_id")
    if not work.home_enabled:
        raise SlackError("not_enabled")
    if user not in work.users:
        raise SlackError("invalid_arguments", response_metadata={"messages": ["[ERROR] failed to find user"]})
    view = home_of(work, user)
    if view:
        _check_hash(view, call)
        return _shown(work, replace_view(work, view, body))
    return _shown(work, show(work, user, body))


def stack(work: Workspace, user: str) -> list[View]:
    """The modals that a user has open, the top one last."""
    return [view for view in work.views.values() if view.user == user and view.open and view.body["type"] == "modal"]


def home_of(work: Workspace, user: str) -> View | None:
    return next((view for view in work.views.values() if view.user == user and view.body["type"] == "home"), None)


def show(work: Workspace, user: str, body: Body, below: View | None = None) -> View:
    view_id = work.new_id("V")
    root, previous = (below.root, below.id) if below else (view_id, "")
    view = View(view_id, user, body, work.new_id("h"), root, previous)
    _name_blocks(work, body)
    work.views[view_id] = view
    work.changed()
    return view


def replace_view(work: Workspace, view: View, body: Body) -> View:
    """What was typed stays where block_id and action_id stay."""
    _name_blocks(work, body)
    view.body, view.hash, view.errors = body, work.new_id("h"), {}
    kept = {block["block_id"] for block in body["blocks"]}
    view.values = {block: values for block, values in view.values.items() if block in kept}
    work.changed()
    return view


def view_object(work: Workspace, view: View) -> Body:
    return {
        "private_metadata": "", "callback_id": "", "external_id": "", "submit": None, "close": None, "notify_on_close": False,
        "clear_on_close": False, **view.body, "id": view.id, "team_id": work.team, "app_id": work.app, "bot_id": work.bot,
        "app_installed_team_id": work.team, "hash": view.hash, "root_view_id": view.root,
        "previous_view_id": view.previous or None, "state": {"values": state_values(view)},
    }  # fmt: skip


def state_values(view: View) -> dict[str, Body]:
    """What the inputs hold: what was typed or chosen, else what they began with."""
    found: dict[str, Body] = {}
    for block in view.body["blocks"]:
        for element in [block.get("element"), block.get("accessory"), *(block.get("elements") or ())]:
            if isinstance(element, dict) and element.get("type") not in ("button", "image", "overflow", "plain_text", "mrkdwn"):
                own = view.values.get(block["block_id"], {}).get(element["action_id"]) or initial(element)
                found.setdefault(block["block_id"], {})[element["action_id"]] = own
    return found


def initial(element: Body) -> Body:
    """The state of an input that nobody touched."""
    kind = element["type"]
    if kind.endswith("_input"):
        return {"type": kind, "value": element.get("initial_value")}
    many = kind == "checkboxes" or kind.startswith("multi_")
    name = STATE_NAMES.get(kind, "selected_options" if many else "selected_option")
    return {"type": kind, name: element.get(name.replace("selected", "initial"), [] if many else None)}


def respond(work: Workspace, key: str, args: Body) -> None:
    """A post to a response_url. Raises SlackError(used_url | expired_url, or what a message may not hold)."""
    url = work.response_urls.get(key)
    if url is None or work.clock.now() - url.born > work.response_url_life:
        raise SlackError("expired_url")
    if url.uses >= work.response_url_uses:
        raise SlackError("used_url")
    url.uses += 1
    old = url.message
    if args.get("delete_original") and old:
        old.deleted = True
    elif args.get("replace_original") and old:
        old.versions.append(said_with(work, "response_url", args))
    else:
        answer(work, url.user, url.channel, args, "response_url")
    work.changed()


def answer(work: Workspace, user: str, channel: str, args: Body, by: str) -> Message:
    """What a slash command's acknowledgement or a response_url says: to the user only, unless in_channel."""
    said: Version = said_with(work, by, args)
    message = Message(channel, work.new_ts(), work.bot_user, [said], str(args.get("thread_ts", "")))
    if args.get("response_type") == "in_channel":
        work.keep(message)
        return message
    message.only_for = user
    work.ephemerals.append(message)
    work.changed()
    return message


def _checked(work: Workspace, call: Call, home: bool = False) -> Body:
    view: Any = call.args.get("view")
    if view is None:
        call.text("view")
    check_view(view, home)
    assert isinstance(view, dict)
    external = view.get("external_id")
    own = call.text("view_id", "")
    taken = (v for v in work.views.values() if v.open and v.id != own and v.body.get("external_id") == external)
    if external and call.method != "views.update" and any(taken):
        raise SlackError("duplicate_external_id")
    return view


def _check_hash(view: View, call: Call) -> None:
    if call.text("hash", view.hash) != view.hash:
        raise SlackError("hash_conflict")


def _shown(work: Workspace, view: View) -> Body:
    return {"view": view_object(work, view)}


def _name_blocks(work: Workspace, body: Body) -> None:
    for block in body["blocks"]:
        block.setdefault("block_id", work.new_id("b"))
        for element in [block.get("element"), block.get("accessory"), *(block.get("elements") or ())]:
            if isinstance(element, dict) and element.get("type") not in ("image", "plain_text", "mrkdwn"):
                element.setdefault("action_id", work.new_id("a"))
