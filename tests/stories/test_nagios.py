"""Debian's Nagios as a sender, set up by the lines that docs/sources.md gives: down, acknowledged there, up again."""

from __future__ import annotations

import asyncio
import getpass
import grp
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters import samples
from tests.stories.story import BASE
from tests.stories.telling import telling
from tests.stories.until import until

NAGIOS = shutil.which("nagios4") or shutil.which("nagios4", path="/usr/sbin")
CONFIG = BASE.replace("sources:\n", "sources:\n  nagios: {type: nagios, auth: {bearer: token-of-nagios}}\n")

MAIN = """
log_file={folder}/nagios.log
cfg_file={folder}/objects.cfg
object_cache_file={folder}/objects.cache
precached_object_file={folder}/objects.precache
status_file={folder}/status.dat
state_retention_file={folder}/retention.dat
lock_file={folder}/nagios.pid
temp_file={folder}/nagios.tmp
temp_path={folder}
check_result_path={folder}/results
command_file={folder}/nagios.cmd
query_socket={folder}/nagios.qh
nagios_user={user}
nagios_group={group}
check_external_commands=1
check_for_updates=0
enable_notifications=1
interval_length=1
check_workers=1
use_syslog=0
illegal_macro_output_chars=`~$&|'"<>
"""
OBJECTS = r"""
define timeperiod {
  timeperiod_name always
  alias always
  sunday 00:00-24:00
  monday 00:00-24:00
  tuesday 00:00-24:00
  wednesday 00:00-24:00
  thursday 00:00-24:00
  friday 00:00-24:00
  saturday 00:00-24:00
}
define command {
  command_name look
  command_line /bin/sh FOLDER/look
}
define contact {
  contact_name oncall
  host_notification_period always
  service_notification_period always
  host_notification_options d,u,r
  service_notification_options w,u,c,r
  host_notification_commands notify-tocsin
  service_notification_commands notify-tocsin
}
define host {
  host_name web-2
  address 192.0.2.20
  max_check_attempts 1
  active_checks_enabled 0
  check_period always
  contacts oncall
  notification_period always
}
define service {
  host_name web-2
  service_description Disk /var
  check_command look
  max_check_attempts 1
  check_interval 1
  retry_interval 1
  check_period always
  notification_interval 2
  notification_period always
  contacts oncall
  notes_url https://wiki.example.com/disk
}
"""


def command_of(url: str) -> str:
    """The command as people are told to paste it."""
    setup = (Path(samples.__path__[0]) / "nagios" / "setup.md").read_text()
    block = setup.split("```")[1]
    return block.replace("{url}", url).replace("{secret}", "token-of-nagios")


class Nagios:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def says(self, code: int, output: str) -> None:
        """What the check says from now on."""
        (self._folder / "look.new").write_text(f"echo '{output}'; exit {code}\n")
        (self._folder / "look.new").rename(self._folder / "look")

    async def acknowledge(self, now: float, by: str, comment: str) -> None:
        line = f"[{int(now)}] ACKNOWLEDGE_SVC_PROBLEM;web-2;Disk /var;1;1;0;{by};{comment}\n"
        await asyncio.to_thread((self._folder / "nagios.cmd").write_text, line)


@asynccontextmanager
async def nagios(folder: Path, url: str) -> AsyncIterator[Nagios]:
    assert NAGIOS
    (folder / "results").mkdir(parents=True)
    watched = Nagios(folder)
    watched.says(0, "DISK OK - 61% used")
    main = MAIN.format(folder=folder, user=getpass.getuser(), group=grp.getgrgid(os.getgid()).gr_name)
    (folder / "nagios.cfg").write_text(main)
    (folder / "objects.cfg").write_text(OBJECTS.replace("FOLDER", str(folder)) + command_of(url))
    with (folder / "out").open("wb") as out:
        process = await asyncio.create_subprocess_exec(NAGIOS, str(folder / "nagios.cfg"), stdout=out, stderr=out)
    try:
        await until(lambda: _runs(process, folder), 20.0, "Nagios")
        yield watched
        assert process.returncode is None, (folder / "nagios.log").read_text()[-2000:]
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _runs(process: asyncio.subprocess.Process, folder: Path) -> bool:
    assert process.returncode is None, (folder / "out").read_text()[-2000:]
    return (folder / "nagios.cmd").exists()


@pytest.mark.real
@pytest.mark.skipif(not NAGIOS, reason="no nagios4 here")
async def test_nagios_by_the_lines_of_its_page(tmp_path: Path) -> None:
    async with telling(tmp_path, CONFIG) as story, nagios(tmp_path / "nagios", f"{story.url}/webhooks/nagios") as watched:
        watched.says(2, 'CRITICAL - 98% used <b> "of" /var')
        card = await story.card()
        seen = await card.shows(state="firing", severity="critical", text="https://wiki.example.com/disk", within=30)
        assert seen.title == "Disk /var on web-2 is CRITICAL"
        await watched.acknowledge(story.now(), "ada", "on it")
        await card.shows(state="acknowledged", text="ada", within=30)
        watched.says(0, "DISK OK - 12% used")
        await card.shows(closing=True, within=30)
        await story.passes("31s")
        await card.shows(state="resolved")
        assert len(await story.view.cards("ops")) == 1
