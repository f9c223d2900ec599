"""Jenkins: the Notification plugin, at the end of a build."""

from __future__ import annotations

from typing import ClassVar, Literal

from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig

FIRING = {"failure": True, "failed": True, "unstable": True, "success": False, "aborted": None, "not_built": None}


class JenkinsConfig(SenderConfig):
    """Jenkins. A failed build is high, an unstable one a warning; the job's next success resolves it."""

    type: Literal["jenkins"] = "jenkins"


class Jenkins(Sender):
    """One Jenkins. The alert is a job and its branch, whichever build it was."""

    config_model: ClassVar = JenkinsConfig
    severities: ClassVar = {"failure": "high", "failed": "high", "unstable": "warning"}

    def read(self, item: Item) -> Found | None:
        build = item.inner("build")
        if build.text("phase").lower() not in ("finalized", ""):  # the same build is told when queued, started and completed, too
            return None
        firing, job, branch = build.word(FIRING, True, "status"), item.need("name"), build.text("scm.branch")
        if firing is None:
            return None
        tests = build.inner("test_summary")
        return Found(
            (item.text("url") or job, branch),
            "BuildFailed",
            firing,
            build.text("status"),
            f"{item.text('display_name') or job} #{build.text('number')}: {build.text('status').lower()}",
            f"{tests.text('failed')} of {tests.text('total')} tests failed" if tests.number("failed") else "",
            {"job": job, "branch": branch},
            links={"build": build.text("full_url"), "commit": _commit(build)},
        )


def _commit(build: Item) -> str:
    """Where the forge is one whose addresses are known."""
    url, commit = build.text("scm.url").removesuffix(".git"), build.text("scm.commit")
    return f"{url}/commit/{commit}" if commit and url.startswith("https://") else ""
