"""GitLab: the pipeline events of a project or group webhook."""

from __future__ import annotations

from typing import ClassVar, Literal

from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig

FIRING = {"failed": True, "success": False}
"""What else a pipeline may be (running, canceled, …) says nothing of its branch's health."""


class GitLabConfig(SenderConfig):
    """GitLab pipelines. A failed one is high on the default branch, else a warning; the next that passes resolves it."""

    token_header: ClassVar = "X-Gitlab-Token"
    type: Literal["gitlab"] = "gitlab"


class GitLab(Sender):
    """One GitLab webhook. The alert is the branch of a project: the next green pipeline resolves the red one."""

    config_model: ClassVar = GitLabConfig

    def read(self, item: Item) -> Found | None:
        pipeline, project = item.inner("object_attributes"), item.inner("project")
        firing = FIRING.get(pipeline.text("status"))
        if item.text("object_kind") != "pipeline" or firing is None:
            return None
        path, ref = project.text("path_with_namespace") or project.need("id"), pipeline.need("ref")
        jobs = [job for job in item.each("builds") if job.text("status") == "failed" and job.get("allow_failure") is not True]
        return Found(
            (project.need("id"), ref),
            "PipelineFailed",
            firing,
            "high" if ref == project.text("default_branch") else "",
            f"Pipeline of {path} {'failed' if firing else 'passed'} on {ref}",
            _failed(jobs) if firing else "",
            {"project": path, "ref": ref, "source": pipeline.text("source")},
            links={
                "pipeline": pipeline.text("url") or f"{project.text('web_url')}/-/pipelines/{pipeline.text('id')}",
                "commit": item.text("commit.url"),
            },
        )


def _failed(jobs: list[Item]) -> str:
    return "Failed: " + ", ".join(f"{job.text('stage')}/{job.text('name')}" for job in jobs[:10]) if jobs else ""
