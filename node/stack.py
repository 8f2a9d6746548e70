"""Starts, watches and stops the local daemons: a group of services is the children of one supervisor process.

The starter writes what is wanted to `stack/<group>.group.json`, the supervisor (`node/supervisor.py`) writes what is to
`stack/<group>.json`. Every process of a group carries a mark in its environment, so that none outlives the group.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from node import processes
from node.config import Home, checked_name
from node.errors import ConfigError, DaemonUnavailable, PrerequisiteError

READY_KINDS = ("started", "http", "tcp", "log", "file")
POLL_SECONDS = 0.05
STOP_MARGIN_SECONDS = 10.0

Progress = Callable[[str, str], None]
"""Called with a service's name and its new state."""


@dataclass(frozen=True, kw_only=True)
class Ready:
    """How one knows that a service can be used."""

    kind: str
    target: str = ""
    """URL, host:port, regular expression over one log line, or path."""
    ca_file: str = ""
    """For https: the certificate to trust."""

    def __post_init__(self) -> None:
        if self.kind not in READY_KINDS:
            raise ValueError(f"expected a readiness kind of {READY_KINDS}, got {self.kind!r}")

    @classmethod
    def started(cls) -> Ready:
        """At once: the process runs."""
        return cls(kind="started")

    @classmethod
    def http(cls, url: str, ca_file: Path | str = "") -> Ready:
        """GET answers 200."""
        return cls(kind="http", target=url, ca_file=str(ca_file))

    @classmethod
    def tcp(cls, host: str, port: int) -> Ready:
        """The port accepts a connection."""
        return cls(kind="tcp", target=f"{host}:{port}")

    @classmethod
    def log(cls, pattern: str) -> Ready:
        """A line of the log since this start matches."""
        return cls(kind="log", target=pattern)

    @classmethod
    def file(cls, path: Path | str) -> Ready:
        """The path exists."""
        return cls(kind="file", target=str(path))


@dataclass(frozen=True, kw_only=True)
class Service:
    """One process to keep running."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the supervisor's own environment."""
    ready: Ready = field(default_factory=Ready.started)
    ready_timeout_seconds: float = 60.0
    restart: bool = False
    """Start it again when it ends after it was ready."""
    retry_start: bool = False
    """Start it again when it ends before it was ready, too, until the ready timeout."""
    restart_delay_seconds: float = 2.0
    """Before the first restart; doubled at each further one within a minute, up to 15 s."""
    stop_signal: int = int(signal.SIGTERM)
    stop_timeout_seconds: float = 10.0
    after: tuple[str, ...] | None = None
    """Services of the group that must be ready first; None: the one before it in the list."""
    ports: Mapping[str, int] = field(default_factory=dict)
    """Loopback ports that must be free before the start, by the name of the setting that chooses them."""

    def __post_init__(self) -> None:
        checked_name(self.name, "service")
        if not self.argv:
            raise ValueError(f"service {self.name}: expected a command, got none")
        if self.ready_timeout_seconds <= 0 or self.restart_delay_seconds < 0 or self.stop_timeout_seconds < 0:
            raise ValueError(f"service {self.name}: expected a positive ready timeout and no negative delay")

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Service:
        after = raw["after"]
        parsed = {"argv": tuple(raw["argv"]), "ready": Ready(**raw["ready"])}
        return cls(**{**raw, **parsed, "after": None if after is None else tuple(after)})


@dataclass(frozen=True, kw_only=True)
class GroupPlan:
    """What the supervisor of a group is asked to run."""

    group: str
    home: str
    mark: str
    attached: bool
    services: tuple[Service, ...]

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> GroupPlan:
        raw = json.loads(text)
        return cls(**{**raw, "services": tuple(Service.from_json(s) for s in raw["services"])})


@dataclass(frozen=True, kw_only=True)
class ServiceStatus:
    """One service as its supervisor last saw it."""

    name: str
    state: str
    """waiting, starting, ready, restarting, stopping, stopped or failed."""
    pid: int | None = None
    restarts: int = 0
    since: float = 0.0
    """Unix time of the last change of state."""
    exit_code: int | None = None
    """Of the last process that ended; negative for a signal."""
    log: str = ""


@dataclass(frozen=True, kw_only=True)
class GroupStatus:
    """A group as its state file and the process table show it."""

    group: str
    state: str
    """starting, ready, stopping, stopped, failed, or lost when the supervisor died without a word."""
    pid: int | None
    mark: str
    error: str | None
    services: tuple[ServiceStatus, ...]

    @property
    def running(self) -> bool:
        return self.state in ("starting", "ready", "stopping")


_supervisors: dict[str, subprocess.Popen[bytes]] = {}
"""Those this process started. We hold the standard input of the attached: they stop when we end, however we end."""


def start_group(
    home: Home, group: str, services: Sequence[Service], *, attached: bool, on_event: Progress | None = None
) -> GroupStatus:
    """Start the services and return when all are ready.

    `attached`: the group stops when this process ends, even by kill -9. Raises DaemonUnavailable with the service,
    its exit code and its last log lines when one does not come up (the others are stopped), PrerequisiteError when a
    port is taken, ConfigError when the group runs already.
    """
    _check_group(home, group, services)
    plan = GroupPlan(
        group=group, home=str(home.root), mark=uuid.uuid4().hex, attached=attached, services=tuple(services)
    )
    plan_path = home.stack / f"{group}.group.json"
    write_atomically(plan_path, plan.to_json())
    _state_path(home, group).unlink(missing_ok=True)
    supervisor = _spawn_supervisor(home, plan, plan_path)
    _supervisors[_key(home, group)] = supervisor
    try:
        return _wait_ready(home, group, supervisor, on_event)
    except KeyboardInterrupt:
        stop_group(home, group)
        raise


def stop_group(home: Home, group: str) -> None:
    """Stop every process of the group, the last started first; a group that does not run is no error."""
    status = _status(home, group)
    if status is None:
        return
    supervisor = _supervisors.pop(_key(home, group), None)
    if status.pid is not None and status.running:
        os.kill(status.pid, signal.SIGTERM)
        if not _gone(status.pid, _stop_seconds(home, group), supervisor):
            os.kill(status.pid, signal.SIGKILL)
            _gone(status.pid, STOP_MARGIN_SECONDS, supervisor)
    if supervisor is not None:
        supervisor.communicate()
    processes.end_marked(status.mark, grace_seconds=2.0)


def stop_all(home: Home) -> None:
    """Stop every group of this state folder, the last started first."""
    statuses = sorted(group_status(home), key=_started_at, reverse=True)
    for status in statuses:
        stop_group(home, status.group)


def group_status(home: Home) -> list[GroupStatus]:
    """Every group that was ever started in this state folder."""
    names = sorted(p.name.removesuffix(".group.json") for p in home.stack.glob("*.group.json"))
    return [status for name in names if (status := _status(home, name)) is not None]


def service_pid(home: Home, group: str, name: str) -> int | None:
    """The process id of a service that runs now."""
    status = _status(home, group)
    if status is None or not status.running:
        return None
    return next((s.pid for s in status.services if s.name == name), None)


def free_port() -> int:
    """A loopback port that nothing listened on a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def require_free_port(port: int, setting: str) -> None:
    """Raises PrerequisiteError naming the port and the setting that chooses it."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            raise PrerequisiteError(
                f"port {port} ({setting}) cannot be used: {error.strerror}; "
                f"stop what listens there or choose another port with {setting}"
            ) from error


def write_atomically(path: Path, text: str) -> None:
    """Readers see the old text or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(path)


def log_tail(path: Path, num_lines: int = 12) -> str:
    """The last lines of a log, without colours."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 8192))
            text = file.read().decode(errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(processes.without_colours(text).splitlines()[-num_lines:])


def _check_group(home: Home, group: str, services: Sequence[Service]) -> None:
    checked_name(group, "group")
    names = [s.name for s in services]
    if not names or len(set(names)) != len(names):
        raise ConfigError(f"group {group}: expected services with names of their own, got {names}")
    for place, service in enumerate(services):
        if unknown := sorted(set(service.after or ()) - set(names[:place])):
            raise ConfigError(f"group {group}: {service.name} waits for {unknown}, which come not before it")
    status = _status(home, group)
    if status is not None and status.running:
        raise ConfigError(f"group {group} runs already (process {status.pid}); stop it first")
    if status is not None:
        processes.end_marked(status.mark, grace_seconds=2.0)
    for service in services:
        for setting, port in service.ports.items():
            require_free_port(port, setting)


def _spawn_supervisor(home: Home, plan: GroupPlan, plan_path: Path) -> subprocess.Popen[bytes]:
    environ = {**os.environ, "PYTHONPATH": _python_path()}
    with home.log(f"supervisor-{plan.group}").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "node.supervisor", str(plan_path)],
            stdin=subprocess.PIPE if plan.attached else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environ,
            start_new_session=True,
        )


def _python_path() -> str:
    ours = str(Path(__file__).resolve().parent.parent)
    return os.pathsep.join([ours, *filter(None, [os.environ.get("PYTHONPATH")])])


def _wait_ready(home: Home, group: str, supervisor: subprocess.Popen[bytes], on_event: Progress | None) -> GroupStatus:
    seen: dict[str, str] = {}
    while True:
        ended = supervisor.poll() is not None
        status = _status(home, group)
        for service in status.services if status else ():
            if on_event is not None and seen.get(service.name) != service.state:
                on_event(service.name, service.state)
            seen[service.name] = service.state
        if status is not None and status.state == "ready":
            return status
        if ended:
            _supervisors.pop(_key(home, group)).communicate()
            reason = status.error if status is not None else None
            log = home.log(f"supervisor-{group}")
            raise DaemonUnavailable(reason or f"the supervisor of {group} ended; {log} ends with:\n{log_tail(log)}")
        time.sleep(POLL_SECONDS)


def _status(home: Home, group: str) -> GroupStatus | None:
    try:
        raw = json.loads(_state_path(home, group).read_text())
    except FileNotFoundError:
        return None
    services = tuple(ServiceStatus(**s) for s in raw.pop("services"))
    status = GroupStatus(**raw, services=services)
    if status.running and not processes.is_supervisor(status.pid, home.stack / f"{group}.group.json"):
        return GroupStatus(**{**raw, "state": "lost", "pid": None}, services=services)
    return status


def _stop_seconds(home: Home, group: str) -> float:
    plan = GroupPlan.from_json((home.stack / f"{group}.group.json").read_text())
    return sum(s.stop_timeout_seconds for s in plan.services) + STOP_MARGIN_SECONDS


def _gone(pid: int, timeout_seconds: float, child: subprocess.Popen[bytes] | None) -> bool:
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        if child is not None:
            child.poll()
        if not processes.is_alive(pid):
            return True
        time.sleep(POLL_SECONDS)
    return False


def _started_at(status: GroupStatus) -> float:
    return min((s.since for s in status.services), default=0.0)


def _state_path(home: Home, group: str) -> Path:
    return home.stack / f"{checked_name(group, 'group')}.json"


def _key(home: Home, group: str) -> str:
    return f"{home.root}:{group}"
