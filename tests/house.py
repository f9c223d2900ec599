"""The house rules that a machine can check. Each check takes a folder and returns what it found wrong, one line each."""

import ast
import graphlib
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

LAYERS = ("rules", "adapters", "bot")  # each may import itself and what stands before it
MAX_FILE, MAX_FUNCTION = 300, 50
PURE_PACKAGES = {"pydantic", "msgspec", "re2"}
IMPURE_STDLIB = {
    "asyncio", "concurrent", "fileinput", "ftplib", "getpass", "glob", "http", "importlib", "io", "logging", "mmap",
    "multiprocessing", "os", "pathlib", "queue", "random", "sched", "secrets", "select", "selectors", "shelve", "shutil",
    "signal", "smtplib", "socket", "socketserver", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "urllib",
}  # fmt: skip
PURE_PARTS = {"urllib.parse", "collections.abc"}
CLOCKS = {"now", "utcnow", "today"}
INPUT_OUTPUT = {"open", "print", "input", "__import__"}


class Import(NamedTuple):
    module: str  # who imports, dotted
    target: str  # what is imported, dotted: a module where one is known, else the name as written
    place: str  # file:line


def modules(tree: Path) -> dict[str, Path]:
    """Every product module under `tree`, by dotted name; a package goes by its folder's name."""
    found = {}
    for path in sorted(p for layer in LAYERS for p in (tree / layer).rglob("*.py")):
        parts = path.relative_to(tree).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(tree: Path) -> list[Import]:
    """Every import, those inside functions and under TYPE_CHECKING too."""
    known = modules(tree)
    return [
        Import(module, target, f"{path.relative_to(tree)}:{getattr(node, 'lineno', 0)}")
        for module, path in known.items()
        for node in ast.walk(ast.parse(path.read_text()))
        for target in _targets(node, module, path, known)
    ]


def _targets(node: ast.AST, module: str, path: Path, known: dict[str, Path]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        source = _absolute(node, module, path)
        for alias in node.names:  # `from rules import alert` means the module, `from rules.alert import Alert` too
            yield f"{source}.{alias.name}" if f"{source}.{alias.name}" in known else source
    elif isinstance(node, ast.Call) and _called(node) in {"import_module", "__import__"}:
        name = node.args[0] if node.args else None
        yield name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else "?"


def _absolute(node: ast.ImportFrom, module: str, path: Path) -> str:
    if not node.level:
        return node.module or ""
    up = node.level - (path.name == "__init__.py")
    base = module.split(".")[: -up or None]
    return ".".join([*base, *([node.module] if node.module else [])])


def _called(node: ast.Call) -> str:
    """The last name of what is called: `now` in `datetime.now()`."""
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def wrong_arrows(tree: Path) -> list[str]:
    """bot -> adapters -> rules, and nothing imports the tests; an import whose target is computed could be any arrow."""
    found = []
    for module, target, place in imports(tree):
        top, layer = target.split(".")[0], module.split(".")[0]
        allowed = LAYERS[: LAYERS.index(layer) + 1]
        if target == "?" and module != "adapters.registry":
            found.append(f"{place}: {module} imports a computed name; only adapters.registry may")
        elif top in {*LAYERS, "tests", "benchmarks"} and top not in allowed:
            found.append(f"{place}: {module} imports {target}; {layer} may import only {', '.join(allowed)}")
    return found


def circles(tree: Path) -> list[str]:
    known = modules(tree)
    graph: dict[str, set[str]] = {module: set() for module in known}
    for module, target, _ in imports(tree):
        while target and target not in known:  # `import rules.alert.Alert` does not exist, but `rules.alert` might
            target = target.rpartition(".")[0]
        if target:
            graph[module].add(target)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return ["circle: " + " <- ".join(error.args[1])]
    return []


def impure_rules(tree: Path) -> list[str]:
    """rules/ may use the pure part of the standard library, pydantic, msgspec and re2; no clock, no input, no output."""
    found = []
    for module, target, place in imports(tree):
        top = target.split(".")[0]
        pure = target in PURE_PARTS or top in {"rules", *PURE_PACKAGES} or (top in sys.stdlib_module_names - IMPURE_STDLIB)
        if module.split(".")[0] == "rules" and not pure:
            found.append(f"{place}: {module} imports {target}; rules is pure")
    for module, path in modules(tree).items():
        for node in ast.walk(ast.parse(path.read_text())) if module.split(".")[0] == "rules" else ():
            if isinstance(node, ast.Call) and _touches_world(node):
                found.append(f"{path.relative_to(tree)}:{node.lineno}: {module} calls {_called(node)}(); rules is pure")
    return found


def _touches_world(call: ast.Call) -> bool:
    return _called(call) in (INPUT_OUTPUT if isinstance(call.func, ast.Name) else CLOCKS)


def _adapter(module: str) -> str | None:
    """The adapter a module belongs to (`adapters.chats.slack`); None for what adapters share (`adapters.chat`, `…_http`)."""
    parts = module.split(".")
    return ".".join(parts[:3]) if len(parts) > 2 and parts[0] == "adapters" and not parts[2].startswith("_") else None


def entangled_adapters(tree: Path) -> list[str]:
    """No adapter imports another; only the registry names them. bot.config reads the registry, to know which types there are."""
    found = []
    for module, target, place in imports(tree):
        concrete = _adapter(target)
        if module.startswith("bot") and (concrete or target == "adapters.registry"):
            allowed = {"bot.app", "bot.cli"} if concrete else {"bot.app", "bot.cli", "bot.config"}
            if ".".join(module.split(".")[:2]) not in allowed:
                found.append(f"{place}: {module} imports {target}; only bot.app and bot.cli name concrete adapters")
        elif module.startswith("adapters") and concrete not in {None, _adapter(module)} and module != "adapters.registry":
            found.append(f"{place}: {module} imports {target}; share through a module in adapters/ or one named _…")
    return found


def unlocked_imports(tree: Path, locked: set[str]) -> list[str]:
    """Third-party imports that a plain `make demo` would not have; `locked` holds the import names of requirements.lock."""
    allowed = {*LAYERS, "tests", "benchmarks", "?", *locked, *sys.stdlib_module_names}
    return [f"{i.place}: {i.module} imports {i.target}; it is not in requirements.lock" for i in imports(tree)
            if i.target.split(".")[0] not in allowed]  # fmt: skip


def too_long(tree: Path) -> list[str]:
    """Migrations are exempt: they are a record of what happened, not code that grows."""
    found = []
    for path in (path for name, path in modules(tree).items() if ".migrations." not in name):
        text, place = path.read_text(), path.relative_to(tree)
        if (lines := len(text.splitlines())) > MAX_FILE:
            found.append(f"{place}: {lines} lines, {MAX_FILE} at most; is there a second noun in it?")
        functions = (n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
        for node in functions:
            if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION:
                found.append(f"{place}:{node.lineno}: {node.name} has {lines} lines, {MAX_FUNCTION} at most")
    return found


PYTHONS = ("3.11", "3.12", "3.13")


def pins(lock: str) -> list[Requirement]:
    """The requirements of a lock file; one that cannot be read raises InvalidRequirement."""
    lines = (line.rstrip(" \\") for line in lock.splitlines() if line and not line.startswith((" ", "#")))
    return [Requirement(line) for line in lines]


def lock_mistakes(lock: str, wanted: Iterable[str]) -> list[str]:
    """What keeps `lock` from holding exactly one version of everything `wanted`, on each Python, from any index."""
    found = [f"line {n} holds an address" for n, line in enumerate(lock.splitlines(), 1) if "://" in line or " @ " in line]
    found += [f"{line} has no hash" for line in lock.splitlines() if "==" in line and not line.endswith("\\")]
    try:
        locked = pins(lock)
    except InvalidRequirement as error:
        return [*found, f"not a pin: {error}"]
    found += [f"{pin} is not an exact version" for pin in locked if not _version(pin)]
    for requirement in map(Requirement, wanted):
        for python in PYTHONS:
            versions = [_version(pin) for pin in locked if _provides(pin, requirement, python)]
            if len(versions) != 1 or not requirement.specifier.contains(versions[0]):
                found.append(f"{requirement} is not satisfied on Python {python}: {versions or 'no pin'}")
    return found


def _version(pin: Requirement) -> str:
    """Empty where the pin is not one exact version."""
    match = re.fullmatch(r"==([^*,]+)", str(pin.specifier))
    return match[1] if match else ""


def _provides(pin: Requirement, requirement: Requirement, python: str) -> bool:
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    same = canonicalize_name(pin.name) == canonicalize_name(requirement.name)
    return same and bool(_version(pin)) and (pin.marker is None or pin.marker.evaluate(environment))
