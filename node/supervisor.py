"""The process that runs one group of services: `python -m node.supervisor <stack/group.group.json>`.

It starts them, restarts those that ask for it, writes what is to `stack/<group>.json` and stops them in reverse order
on SIGTERM, SIGINT or, when attached, when its starter ends. Should it be killed, a forked guardian ends what is left.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from node import probes, processes
from node.config import Home
from node.stack import GroupPlan, Service, ServiceStatus, log_tail, write_atomically

BUSY_TICK_SECONDS = 0.1
IDLE_TICK_SECONDS = 1.0
RESTART_DELAY_MAX_SECONDS = 15.0
STEADY_SECONDS = 60.0
GUARDIAN_GRACE_SECONDS = 8.0
LEFTOVER_GRACE_SECONDS = 2.0
LOG_ROTATE_BYTES = 20 * 1024 * 1024


@dataclass
class Child:
    """A service and what became of it."""

    service: Service
    log: Path
    after: tuple[str, ...]
    level: int
    state: str = "waiting"
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    quick_restarts: int = 0
    since: float = 0.0
    exit_code: int | None = None
    log_offset: int = 0
    ready_deadline: float | None = None
    restart_at: float = 0.0

    def status(self) -> ServiceStatus:
        return ServiceStatus(
            name=self.service.name,
            state=self.state,
            pid=self.process.pid if self.process is not None else None,
            restarts=self.restarts,
            since=self.since,
            exit_code=self.exit_code,
            log=str(self.log),
        )


class Supervisor:
    """Runs the plan until it is told to stop."""

    def __init__(self, plan: GroupPlan) -> None:
        self.plan = plan
        self.home = Home(Path(plan.home))
        self.children = {c.service.name: c for c in _children(plan, self.home)}
        self.state = "starting"
        self.error: str | None = None
        self.stop_asked = False
        self._written = ""

    def run(self) -> int:
        """Returns the exit code: 0 after a stop that was asked for, 1 when a service did not come up."""
        wake = self._install_signals()
        with self._guardian():
            while not self.stop_asked and self.state != "failed":
                self._tick()
                self._write()
                self._sleep(wake)
            failed = self.state == "failed"
            self._stop("failed" if failed else "stopped")
        return int(failed)

    def _tick(self) -> None:
        for child in self.children.values():
            if child.state in ("starting", "ready") and child.process is not None:
                self._look(child, child.process)
            elif child.state == "waiting" and self._may_start(child):
                child.ready_deadline = time.monotonic() + child.service.ready_timeout_seconds
                self._start(child)
            elif child.state == "restarting":
                self._again(child)
        if self.state == "starting" and all(c.state == "ready" for c in self.children.values()):
            self.state = "ready"

    def _look(self, child: Child, process: subprocess.Popen[bytes]) -> None:
        code = process.poll()
        if code is not None:
            self._ended(child, code)
        elif child.state == "starting":
            if probes.is_ready(child.service.ready, child.log, child.log_offset):
                child.ready_deadline = None
                self._become(child, "ready")
            elif _late(child):
                self._fail(child, f"is not ready after {child.service.ready_timeout_seconds:.0f} s")

    def _ended(self, child: Child, code: int) -> None:
        child.exit_code, child.process = code, None
        processes.end_marked(self.plan.mark, child.service.name, grace_seconds=0.0)
        service = child.service
        if not (service.retry_start if child.ready_deadline is not None else service.restart):
            self._fail(child, f"ended with {_exit_text(code)}")
            return
        quick = time.time() - child.since < STEADY_SECONDS
        child.quick_restarts = child.quick_restarts + 1 if quick else 0
        delay = service.restart_delay_seconds * 2.0 ** max(0, child.quick_restarts - 1)
        child.restart_at = time.monotonic() + min(delay, RESTART_DELAY_MAX_SECONDS)
        self._become(child, "restarting")

    def _again(self, child: Child) -> None:
        if _late(child):
            self._fail(child, f"ended with {_exit_text(child.exit_code)} again and again")
        elif time.monotonic() >= child.restart_at:
            child.restarts += 1
            self._start(child)

    def _start(self, child: Child) -> None:
        service = child.service
        _rotate(child.log)
        child.log_offset = child.log.stat().st_size if child.log.exists() else 0
        mark = {processes.MARK_VARIABLE: self.plan.mark, processes.SERVICE_VARIABLE: service.name}
        try:
            with child.log.open("ab") as log:
                child.process = subprocess.Popen(
                    service.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, **service.env, **mark},
                    start_new_session=True,
                    preexec_fn=processes.die_with_parent,
                )
        except OSError as error:
            self._fail(child, f"cannot be started: {service.argv[0]}: {error.strerror}")
            return
        self._become(child, "starting")

    def _may_start(self, child: Child) -> bool:
        return all(self.children[name].state == "ready" for name in child.after)

    def _fail(self, child: Child, what: str) -> None:
        self._become(child, "failed")
        text = f"{child.service.name} {what}; {child.log} ends with:\n{log_tail(child.log)}"
        if self.state == "starting":
            self.state, self.error = "failed", f"expected the service {text}"
        else:
            self.error = text

    def _become(self, child: Child, state: str) -> None:
        child.state, child.since = state, time.time()

    def _stop(self, final_state: str) -> None:
        if final_state != "failed":
            self.state = "stopping"
        for level in sorted({c.level for c in self.children.values()}, reverse=True):
            self._stop_level([c for c in self.children.values() if c.level == level])
        processes.end_marked(self.plan.mark, grace_seconds=LEFTOVER_GRACE_SECONDS)
        self.state = final_state
        self._write()

    def _stop_level(self, children: list[Child]) -> None:
        live = [(c, c.process) for c in children if c.process is not None]
        for child, process in live:
            self._become(child, "stopping" if child.state != "failed" else "failed")
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, child.service.stop_signal)
        self._write()
        begun = time.monotonic()
        for child, process in live:
            left = begun + child.service.stop_timeout_seconds - time.monotonic()
            try:
                child.exit_code = process.wait(max(0.0, left))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                child.exit_code = process.wait()
            child.process = None
        for child in children:
            if child.state != "failed":
                self._become(child, "stopped")

    def _write(self) -> None:
        state = {
            "group": self.plan.group,
            "state": self.state,
            "pid": os.getpid(),
            "mark": self.plan.mark,
            "error": self.error,
            "services": [asdict(c.status()) for c in self.children.values()],
        }
        text = json.dumps(state, indent=1)
        if text != self._written:
            write_atomically(self.home.stack / f"{self.plan.group}.json", text)
            self._written = text

    def _sleep(self, wake: int) -> None:
        busy = any(c.state not in ("ready", "failed") for c in self.children.values())
        sources = [wake, 0] if self.plan.attached else [wake]
        readable, _, _ = select.select(sources, [], [], BUSY_TICK_SECONDS if busy else IDLE_TICK_SECONDS)
        if wake in readable:
            os.read(wake, 4096)
        if 0 in readable and not os.read(0, 4096):
            self.stop_asked = True

    def _install_signals(self) -> int:
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(sig, self._ask_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        return reader

    def _ask_stop(self, *_: object) -> None:
        self.stop_asked = True

    @contextlib.contextmanager
    def _guardian(self) -> Iterator[None]:
        """A forked process that waits for our end and then ends whatever still carries the mark."""
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            _guard(reader, self.plan.mark)
        os.close(reader)
        yield
        os.close(writer)
        os.waitpid(pid, 0)


def _guard(reader: int, mark: str) -> None:
    os.setsid()
    signal.set_wakeup_fd(-1)
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(sig, signal.SIG_IGN)
    for descriptor in {0, *range(3, 64)} - {reader}:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    os.read(reader, 1)
    processes.end_marked(mark, grace_seconds=GUARDIAN_GRACE_SECONDS)
    os._exit(0)


def _children(plan: GroupPlan, home: Home) -> list[Child]:
    children: dict[str, Child] = {}
    before: tuple[str, ...] = ()
    for service in plan.services:
        after = before if service.after is None else service.after
        level = 1 + max((children[name].level for name in after), default=-1)
        children[service.name] = Child(service=service, log=home.log(service.name), after=after, level=level)
        before = (service.name,)
    return list(children.values())


def _late(child: Child) -> bool:
    return child.ready_deadline is not None and time.monotonic() > child.ready_deadline


def _exit_text(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_ROTATE_BYTES:
        log.replace(log.with_suffix(".log.1"))


def main() -> int:
    """Run the plan named on the command line."""
    plan = GroupPlan.from_json(Path(sys.argv[1]).read_text())
    return Supervisor(plan).run()


if __name__ == "__main__":
    sys.exit(main())
