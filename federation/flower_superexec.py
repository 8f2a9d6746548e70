"""Flower's SuperExec as we run it: `python -m federation.flower_superexec JSON`; its tasks are forks of it.

Flower is imported once, not once per message; and a node's ClientApps run approved bundles only.
"""

from __future__ import annotations

import importlib.util
import json
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from queue import Queue
from types import SimpleNamespace
from typing import Any, NoReturn

from flwr.supercore.constant import TaskType
from flwr.supercore.exit import exit_handler
from flwr.supercore.logger import mirror_output_to_queue
from flwr.supercore.superexec.executor import ExecutionSpec, LaunchResult
from flwr.supercore.superexec.executor.subprocess_executor import SubprocessExecutor

from federation.flower_hooks import quicken, replace, require_flower
from node.processes import die_with_parent

OUR_PACKAGES = ("federation", "node", "model")
CLIENT_APP_MODULE = "flwr.supernode.runtime.run_clientapp"
SERVER_APP_MODULE = "flwr.superlink.runtime.run_serverapp"


class BundleNotApproved(Exception):
    """The run's app bundle is not on this node's list; the coordinator reads this text."""


@dataclass(frozen=True, kw_only=True)
class SuperExecSettings:
    """What the process is told."""

    runtime_api: str
    """host:port"""
    root_certificates: str
    """Empty for plain HTTP, which only a SuperNode speaks, on loopback."""
    secret_file: str
    heartbeat_seconds: float
    task_module: str
    """Flower's module of the tasks that run here: CLIENT_APP_MODULE or SERVER_APP_MODULE."""
    preload: tuple[str, ...] = ()
    """Third-party modules to import once, before tasks are forked."""
    approved_bundles: str = ""
    """File with the sha256 of a bundle on each line; empty: every bundle may run."""

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> SuperExecSettings:
        return cls(**{**raw, "preload": tuple(raw["preload"])})


def prepare(settings: SuperExecSettings) -> None:
    """Import what tasks need, once; before any thread is started and any fork made."""
    import_module("flwr.supercore.superexec.run_superexec")
    import_module(settings.task_module)
    for name in settings.preload:
        if importlib.util.find_spec(name) is not None:
            import_module(name)


def run_superexec(settings: SuperExecSettings, wake: int | None = None) -> None:
    """Start tasks until told to stop; `wake` is a pipe that has something to read when there is a task."""
    prepare(settings)
    superexec = import_module("flwr.supercore.superexec.run_superexec")
    quicken(settings.heartbeat_seconds)
    replace(superexec, "get_executor", lambda *_, **__: ForkingExecutor(settings))
    if wake is not None:
        replace(superexec, "time", SimpleNamespace(sleep=_until_woken(wake)))
    superexec.run_superexec(
        runtime_api_address=settings.runtime_api,
        insecure=not settings.root_certificates,
        root_certificates_path=settings.root_certificates or None,
        superexec_auth_secret=Path(settings.secret_file).read_bytes(),
        parent_pid=None if wake is None else os.getppid(),
    )


class ForkingExecutor(SubprocessExecutor):
    """Starts a task as a fork of this process, where Flower is imported already, instead of as a new command."""

    def __init__(self, settings: SuperExecSettings) -> None:
        self.settings = settings

    def launch(self, spec: ExecutionSpec) -> LaunchResult:
        """Fork; the child never returns."""
        task_type, runner = TASKS[self.settings.task_module]
        if spec.task_type != task_type:
            return LaunchResult.failed(f"expected a task of type {task_type}, got {spec.task_type}")
        if os.fork() == 0:
            _become_task(runner, spec, self.refusal(spec))
        return LaunchResult.accepted()

    def reconcile(self) -> None:
        """Take note of tasks that ended."""
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return

    def refusal(self, spec: ExecutionSpec) -> str | None:
        """Why this task may not run; None when it may."""
        if not self.settings.approved_bundles:
            return None
        try:
            approved = Path(self.settings.approved_bundles).read_text().split()
        except OSError as error:
            return f"the list of approved app bundles cannot be read: {error}"
        if spec.fab_hash in approved:
            return None
        return f"the app bundle {spec.fab_hash} is not among the {len(approved)} that this node approves"


def _become_task(
    runner: Callable[[ExecutionSpec, bytes | None], None], spec: ExecutionSpec, refusal: str | None
) -> NoReturn:
    code: int | str | None = 1
    try:
        die_with_parent(signal.SIGTERM)
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
            signal.signal(sig, signal.SIG_DFL)
        exit_handler.registered_exit_handlers.clear()
        for name in [n for n in sys.modules if n.split(".")[0] in OUR_PACKAGES]:
            del sys.modules[name]  # a task runs the bundle's code, not this checkout's
        if refusal is not None:
            replace(import_module(CLIENT_APP_MODULE), "install_from_fab", _refuse_with(refusal))
        certificates = Path(spec.root_certificates_path).read_bytes() if spec.root_certificates_path else None
        runner(spec, certificates)
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # KeyboardInterrupt too: `finally` ends this fork, so nobody above could name the reason
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


def _run_clientapp(spec: ExecutionSpec, certificates: bytes | None) -> None:
    sys.argv = ["flwr-clientapp"]
    import_module(CLIENT_APP_MODULE).run_clientapp(
        runtime_api_address=spec.runtime_api_address,
        token=spec.token,
        insecure=spec.insecure,
        certificates=certificates,
        parent_pid=os.getppid(),
    )


def _run_serverapp(spec: ExecutionSpec, certificates: bytes | None) -> None:
    sys.argv = ["flwr-serverapp"]
    log_queue: Queue[str | None] = Queue()
    mirror_output_to_queue(log_queue)
    import_module(SERVER_APP_MODULE).run_serverapp(
        runtime_api_address=spec.runtime_api_address,
        log_queue=log_queue,
        token=spec.token,
        insecure=spec.insecure,
        certificates=certificates,
        parent_pid=os.getppid(),
    )


def _refuse_with(text: str) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise BundleNotApproved(text)

    return refuse


def _until_woken(wake: int) -> Callable[[float], None]:
    def sleep(seconds: float) -> None:
        if select.select([wake], [], [], seconds)[0]:
            os.read(wake, 4096)

    return sleep


TASKS = {
    CLIENT_APP_MODULE: (TaskType.CLIENT_APP, _run_clientapp),
    SERVER_APP_MODULE: (TaskType.SERVER_APP, _run_serverapp),
}


if __name__ == "__main__":
    require_flower()
    run_superexec(SuperExecSettings.from_json(json.loads(sys.argv[1])))
