"""A client of the SuperLink's Control API, on loopback alone: register nodes, start and follow runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.common.serde import fab_to_proto, user_config_to_proto
from flwr.proto.control_pb2 import (
    ListNodesRequest,
    ListRunsRequest,
    RegisterNodeRequest,
    StartRunRequest,
    StopRunRequest,
    StreamLogsRequest,
    UnregisterNodeRequest,
)
from flwr.supercore.control.control_http_client import ControlHttpClient
from flwr.supercore.error import FlowerError
from flwr.supercore.fab import Fab
from flwr.supercore.interceptors.http.runtime_version import RuntimeVersionHttpInterceptor
from flwr.supercore.primitives.asymmetric import public_key_to_bytes, uses_nist_ec_curve

from federation.flower_bundle import build_app_fab
from node.errors import ConfigError, DaemonUnavailable
from node.processes import without_colours

Answer = TypeVar("Answer")
RunValue = str | int | float | bool
FINISHED = "finished"


@dataclass(frozen=True, kw_only=True)
class FlowerNode:
    """A SuperNode as the SuperLink knows it."""

    node_id: int
    name: str
    """The member's address, as registered."""
    status: str
    """registered, online or offline."""
    key_digest: bytes
    """sha256 of the node's public key in SubjectPublicKeyInfo DER, as on chain."""
    online_until: float
    """Unix time at which it counts as gone unless it is heard of."""


@dataclass(frozen=True, kw_only=True)
class FlowerRun:
    """A Flower run: one execution of the ServerApp, not a training run on chain."""

    run_id: int
    status: str
    """pending, starting, running or finished."""
    sub_status: str
    """When finished: completed, failed or stopped."""
    details: str

    @property
    def finished(self) -> bool:
        return self.status == FINISHED


class Federation:
    """Speaks to one SuperLink. Close it before the SuperLink stops.

    Every method raises DaemonUnavailable when the SuperLink does not answer and ConfigError when it refuses.
    """

    def __init__(self, address: str, root_certificates: Path) -> None:
        self.address = address
        self._client: ControlHttpClient = ControlHttpClient.from_server_address(
            server_address=address,
            insecure=False,
            root_certificates=root_certificates.read_bytes(),
            interceptors=[RuntimeVersionHttpInterceptor(component_name="flwr CLI")],
        )

    def __enter__(self) -> Federation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def register_node(self, public_key_path: Path, name: str) -> int:
        """Let the node with this key (OpenSSH, NIST curve) in under this name, a member's address; returns its id.

        Registering the same pair again is no error; a key or a name that is taken otherwise is a ConfigError.
        """
        key = _load_public_key(public_key_path)
        digest = _key_digest(key)
        for node in self.nodes():
            same = (node.key_digest == digest, node.name == name)
            if all(same):
                return node.node_id
            if any(same):
                raise ConfigError(
                    f"expected a key and a name that are both new, but {node.name} has the key "
                    f"{node.key_digest.hex()}; unregister that node first"
                )
        request = RegisterNodeRequest(public_key=public_key_to_bytes(key), name=name)
        return int(self._ask(lambda: self._client.RegisterNode(request)).node_id)

    def unregister_node(self, node_id: int) -> None:
        self._ask(lambda: self._client.UnregisterNode(UnregisterNodeRequest(node_id=node_id)))

    def nodes(self) -> list[FlowerNode]:
        """Every registered node."""
        answer = self._ask(lambda: self._client.ListNodes(ListNodesRequest()))
        return [
            FlowerNode(
                node_id=n.node_id,
                name=n.name,
                status=n.status,
                key_digest=pem_digest(n.public_key),
                online_until=n.online_until,
            )
            for n in answer.nodes_info
            if n.status != "unregistered"
        ]

    def online_nodes(self) -> list[FlowerNode]:
        return [node for node in self.nodes() if node.status == "online"]

    def start_run(self, app: Path | bytes, run_config: Mapping[str, RunValue] | None = None) -> int:
        """Start a ServerApp from a bundle or an app's folder; `run_config` may set keys of [tool.flwr.app.config]."""
        content = app if isinstance(app, bytes) else build_app_fab(app)
        fab = fab_to_proto(Fab(hashlib.sha256(content).hexdigest(), content, {}))
        config = user_config_to_proto(dict(run_config or {}))
        request = StartRunRequest(fab=fab, override_config=config)
        return int(self._ask(lambda: self._client.StartRun(request)).run_id)

    def run_status(self, run_id: int) -> FlowerRun:
        answer = self._ask(lambda: self._client.ListRuns(ListRunsRequest(run_id=run_id)))
        if run_id not in answer.run_dict:
            raise ConfigError(f"expected a run that this SuperLink knows, got {run_id}")
        status = answer.run_dict[run_id].status
        return FlowerRun(run_id=run_id, status=status.status, sub_status=status.sub_status, details=status.details)

    def stop_run(self, run_id: int) -> None:
        """End the ServerApp; ClientApps that train go on until their own deadline. A finished run is no error."""
        if not self.run_status(run_id).finished:
            self._ask(lambda: self._client.StopRun(StopRunRequest(run_id=run_id)))

    def stream_logs(self, run_id: int, *, after: float = 0.0) -> Iterator[str]:
        """Pieces of the ServerApp's output as they come, until the run ends; `after` is a Unix time."""
        request = StreamLogsRequest(run_id=run_id, after_timestamp=after)
        stream = self._ask(lambda: self._client.StreamLogs(request))
        try:
            for piece in stream:
                yield without_colours(piece.log_output)
        except httpx.TransportError as error:
            raise self._unavailable(error) from error

    def _ask(self, call: Callable[[], Answer]) -> Answer:
        try:
            return call()
        except httpx.TransportError as error:
            raise self._unavailable(error) from error
        except httpx.HTTPStatusError as error:
            known = FlowerError.from_json(error.response.text)
            said = f"{known.message} {known.public_details or ''}".strip() if known else error.response.text[:200]
            raise ConfigError(f"the SuperLink at {self.address} refused: {said}") from error

    def _unavailable(self, error: httpx.TransportError) -> DaemonUnavailable:
        return DaemonUnavailable(f"expected a SuperLink at {self.address}, got: {error}; is it started?")


def _load_public_key(path: Path) -> ec.EllipticCurvePublicKey:
    try:
        key = serialization.load_ssh_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"expected a node's public key in {path}, got: {error}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not uses_nist_ec_curve(key):
        raise ConfigError(f"expected a key on a NIST curve in {path}, got another; make one with `tenwings node-key`")
    return key


def _key_digest(key: ec.EllipticCurvePublicKey) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_bytes(serialization.Encoding.DER, form)).digest()


def pem_digest(pem: bytes) -> bytes:
    """sha256 of a node's public key in SubjectPublicKeyInfo DER, as its member has bound it on chain."""
    key = serialization.load_pem_public_key(pem)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return _key_digest(key)
