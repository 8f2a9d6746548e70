"""Flower's SuperLink as we run it: `python -m federation.flower_superlink JSON`, behind the guard."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import uvicorn

from federation.flower_guard import FleetOnly
from federation.flower_hooks import quicken, replace, require_flower

SHUTDOWN_SECONDS = 3
IDLE_MIDDLEWARE = (
    *("ControlSensitiveResponseMiddleware", "ControlLicenseMiddleware", "ControlEventLogMiddleware"),
    *("FleetEventLogMiddleware", "RuntimeTracingMiddleware"),
)
"""Passes every request on as it is unless a commercial plug-in or tracing is there: a third of a request's work."""


@dataclass(frozen=True, kw_only=True)
class SuperLinkSettings:
    """What the process is told."""

    host: str
    port: int
    tls: str
    """Folder with ca.crt, server.crt and server.key."""
    database: str
    secret_file: str
    heartbeat_seconds: float


def run_superlink(settings: SuperLinkSettings) -> None:
    """Flower's SuperLink behind the guard."""
    superlink_module = import_module("flwr.superlink.cli.flower_superlink")
    superlink_main = import_module("flwr.superlink.main")
    quicken(settings.heartbeat_seconds)
    create_app = superlink_main.create_app

    def create_guarded_app(*args: Any, **kwargs: Any) -> Any:
        app = create_app(*args, **kwargs)
        app.add_middleware(FleetOnly)
        return app

    def serve(**options: Any) -> None:
        ours = {"access_log": False, "http": "h11", "timeout_graceful_shutdown": SHUTDOWN_SECONDS}
        uvicorn.run(**{**options, **ours})

    middleware = [m for m in superlink_main._get_middleware() if m.cls.__name__ not in IDLE_MIDDLEWARE]
    replace(superlink_main, "_get_middleware", lambda: middleware)
    replace(superlink_main, "create_app", create_guarded_app)
    replace(superlink_module, "uvicorn", SimpleNamespace(run=serve))
    tls = Path(settings.tls)
    sys.argv = ["flower-superlink", "--host", settings.host, "--port", str(settings.port)]
    sys.argv += ["--ssl-ca-certfile", str(tls / "ca.crt"), "--ssl-certfile", str(tls / "server.crt")]
    sys.argv += ["--ssl-keyfile", str(tls / "server.key"), "--enable-supernode-auth", "--isolation", "process"]
    sys.argv += ["--database", settings.database, "--superexec-auth-secret-file", settings.secret_file]
    sys.argv += ["--disable-runtime-dependency-installation"]
    superlink_module.flower_superlink()


if __name__ == "__main__":
    require_flower()
    run_superlink(SuperLinkSettings(**json.loads(sys.argv[1])))
