"""Groups of services: start in order, restart, stop without orphans, whoever is killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node import processes, stack
from node.config import Home
from node.errors import ConfigError, DaemonUnavailable, PrerequisiteError
from node.stack import Ready, Service

REPOSITORY = Path(__file__).resolve().parents[3]
FOREVER = "import time; print('up', flush=True); time.sleep(600)"
WITH_GRANDCHILD = (
    "import subprocess, sys, time;"
    "subprocess.Popen([sys.executable, '-c', "
    "'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)'], start_new_session=True);"
    "time.sleep(0.3); print('up', flush=True); time.sleep(600)"
)


def python(name: str, code: str = FOREVER, ready: Ready | None = None, **options: object) -> Service:
    chosen = ready or Ready.log("^up$")
    return Service(name=name, argv=(sys.executable, "-c", code), ready=chosen, **options)  # type: ignore[arg-type]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    yield home
    stack.stop_all(home)


def eventually(what: Callable[[], object], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_a_group_comes_up_in_order_and_goes_down_in_reverse(home: Home, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    code = (
        "import signal, sys, time\n"
        f"def note(what): open({str(notes)!r}, 'a').write(what + '\\n')\n"
        "def end(*_): note('{name} down'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "note('{name} up'); print('up', flush=True)\n"
        "time.sleep(600)\n"
    )
    services = [python(name, code.replace("{name}", name)) for name in ("one", "two")]
    events: list[tuple[str, str]] = []
    status = stack.start_group(home, "g", services, attached=False, on_event=lambda *e: events.append(e))
    stack.stop_group(home, "g")
    assert status.state == "ready"
    assert ("two", "ready") in events
    assert notes.read_text().split("\n")[:4] == ["one up", "two up", "two down", "one down"]
    assert stack.group_status(home)[0].state == "stopped"
    assert processes.marked(status.mark) == []


def test_services_with_the_same_predecessors_start_together(home: Home, tmp_path: Path) -> None:
    meet = (
        "import pathlib, time\n"
        f"me, other = (pathlib.Path({str(tmp_path)!r}) / n for n in ({{me!r}}, {{other!r}}))\n"
        "me.touch()\n"
        "while not other.exists(): time.sleep(0.02)\n"
        "print('up', flush=True); time.sleep(600)\n"
    )
    services = [
        python("first"),
        python("left", meet.format(me="l", other="r"), after=("first",)),
        python("right", meet.format(me="r", other="l"), after=("first",)),
    ]
    assert stack.start_group(home, "g", services, attached=False).state == "ready"


def test_a_service_that_ends_is_named_with_its_code_and_last_words_and_the_others_stop(home: Home) -> None:
    services = [python("good"), python("bad", "import sys; print('no disk left'); sys.exit(7)")]
    with pytest.raises(DaemonUnavailable, match=r"(?s)bad ended with exit code 7.*no disk left"):
        stack.start_group(home, "g", services, attached=False)
    status = stack.group_status(home)[0]
    assert status.state == "failed"
    assert processes.marked(status.mark) == []


def test_a_service_that_never_gets_ready_is_named(home: Home) -> None:
    service = python("slow", ready=Ready.log("^never$"), ready_timeout_seconds=0.5)
    with pytest.raises(DaemonUnavailable, match="slow is not ready after 0 s"):
        stack.start_group(home, "g", [service], attached=False)


def test_a_missing_program_is_named(home: Home) -> None:
    service = Service(name="ghost", argv=("/nonexistent/ghost",))
    with pytest.raises(DaemonUnavailable, match="/nonexistent/ghost: No such file"):
        stack.start_group(home, "g", [service], attached=False)


def test_a_taken_port_is_named_with_its_setting(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        service = python("web", ports={"--api-port": port})
        with pytest.raises(PrerequisiteError, match=rf"port {port} \(--api-port\)"):
            stack.start_group(home, "g", [service], attached=False)


def test_a_running_group_is_not_started_twice(home: Home) -> None:
    stack.start_group(home, "g", [python("one")], attached=False)
    with pytest.raises(ConfigError, match="runs already"):
        stack.start_group(home, "g", [python("one")], attached=False)


def test_a_service_may_only_wait_for_one_before_it(home: Home) -> None:
    with pytest.raises(ConfigError, match="later"):
        stack.start_group(home, "g", [python("one", after=("later",)), python("later")], attached=False)


def test_a_killed_service_is_started_again_when_it_asks_for_it(home: Home) -> None:
    services = [python("one", restart=True, restart_delay_seconds=0.1)]
    stack.start_group(home, "g", services, attached=False)
    first = stack.service_pid(home, "g", "one")
    assert first is not None
    os.kill(first, signal.SIGKILL)
    eventually(lambda: stack.group_status(home)[0].services[0].restarts == 1)
    eventually(lambda: stack.group_status(home)[0].services[0].state == "ready")
    assert stack.service_pid(home, "g", "one") not in (None, first)


def test_a_service_refused_at_first_is_tried_again_until_it_is_let_in(home: Home, tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, time\n"
        f"tries = pathlib.Path({str(tmp_path / 'tries')!r})\n"
        "n = len(tries.read_text()) if tries.exists() else 0\n"
        "tries.write_text('x' * (n + 1))\n"
        "sys.exit(1) if n < 2 else print('up', flush=True); time.sleep(600)\n"
    )
    services = [python("patient", code, retry_start=True, restart_delay_seconds=0.1)]
    status = stack.start_group(home, "g", services, attached=False)
    assert status.services[0].restarts == 2


def test_a_grandchild_that_ignores_sigterm_is_ended_with_its_group(home: Home) -> None:
    status = stack.start_group(home, "g", [python("one", WITH_GRANDCHILD, stop_timeout_seconds=1)], attached=False)
    assert len(processes.marked(status.mark)) == 2
    stack.stop_group(home, "g")
    assert processes.marked(status.mark) == []


def test_a_killed_supervisor_leaves_no_process_behind(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    status = stack.start_group(home, "g", [python("one", WITH_GRANDCHILD)], attached=False)
    assert status.pid is not None
    os.kill(status.pid, signal.SIGKILL)
    eventually(lambda: processes.marked(status.mark) == [], seconds=20)
    eventually(lambda: stack.group_status(home)[0].state == "lost")


def starter_of(home: Home, *, attached: bool) -> subprocess.Popen[str]:
    """Another process that starts a group, prints its mark and stays."""
    code = (
        "import sys, time; from pathlib import Path; from node import stack; from node.config import Home\n"
        "service = stack.Service(name='one', argv=(sys.executable, '-c', 'import time; time.sleep(600)'))\n"
        f"home = Home(Path({str(home.root)!r}))\n"
        f"print(stack.start_group(home, 'g', [service], attached={attached}).mark, flush=True)\n"
        "time.sleep(600)\n"
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


def test_a_detached_group_outlives_its_starter_and_is_stopped_from_elsewhere(home: Home) -> None:
    with starter_of(home, attached=False) as starter:
        assert starter.stdout is not None
        mark = starter.stdout.readline().strip()
        starter.kill()
    assert [status.state for status in stack.group_status(home)] == ["ready"]
    assert len(processes.marked(mark)) == 1
    stack.stop_group(home, "g")
    assert processes.marked(mark) == []


def test_an_attached_group_ends_when_its_starter_is_killed(home: Home) -> None:
    with starter_of(home, attached=True) as starter:
        assert starter.stdout is not None
        mark = starter.stdout.readline().strip()
        assert len(processes.marked(mark)) == 1
        starter.kill()
    eventually(lambda: processes.marked(mark) == [])
    eventually(lambda: stack.group_status(home)[0].state == "stopped")


def test_stopping_what_does_not_run_is_no_error(home: Home) -> None:
    stack.stop_group(home, "never")


def test_a_plan_survives_its_journey_through_json() -> None:
    service = python("one", env={"A": "b"}, ports={"--port": 1}, after=())
    plan = stack.GroupPlan(group="g", home="/h", mark="m", attached=True, services=(service,))
    assert stack.GroupPlan.from_json(plan.to_json()) == plan
