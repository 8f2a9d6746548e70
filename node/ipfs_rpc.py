"""The Kubo RPC through ipfshttpclient, with its failures sorted into four.

What ipfshttpclient 0.7.0 gets wrong is stepped around here: `connect()` refuses every current daemon, its named
parameters always send `raw-leaves`, `swarm.connect` splits an address into characters, failures inside a stream come
out untranslated, and its session takes proxies and passwords from the environment even for 127.0.0.1.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import requests

from node.errors import ConfigError, DaemonUnavailable

# Else it extends requests for Unix sockets, which we do not use, in a way that urllib3 warns about and 3.0 refuses.
os.environ.setdefault("PY_IPFS_HTTP_CLIENT_PATCH_REQUESTS", "no")

import ipfshttpclient  # type: ignore[import-untyped]
from ipfshttpclient import exceptions as client_errors

_LOOPBACK = ("/ip4/127.", "/ip6/::1/", "/dns/localhost/", "/dns4/localhost/", "/dns6/localhost/")
_UPLOAD_CHUNK_BYTES = 1 << 18
_FORBIDDEN = (401, 403)


class RpcFailure(Exception):
    """A daemon is there and we did not get what we asked for."""


class RpcRefusal(RpcFailure):
    """Its answer is no; the text is the daemon's."""


class RpcTimeout(RpcFailure):
    """It has not answered in time."""


class RpcBroken(RpcFailure):
    """It broke off its answer, or the answer cannot be read."""


class KuboRpc:
    """Calls on one daemon. Threads may share it: every call has a connection of its own.

    Every method raises DaemonUnavailable when nobody answers or our token is refused, else an RpcFailure.
    """

    def __init__(self, api: str, token: str | None = None) -> None:
        """`api` is a multiaddr such as /ip4/127.0.0.1/tcp/5001; `token` goes out as a bearer token."""
        self.api = api
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            self._client: Any = ipfshttpclient.Client(api, headers=headers, chunk_size=_UPLOAD_CHUNK_BYTES)
        except (client_errors.AddressError, ValueError) as error:
            raise ConfigError(
                f"expected the multiaddr of an IPFS API such as /ip4/127.0.0.1/tcp/5001, got {api!r} ({error})"
            ) from error
        if is_loopback(api):
            # Else a proxy from the environment gets our requests, and a .netrc entry replaces the token.
            self._client._client._session_props["trust_env"] = False

    def call(self, path: str, *args: str, opts: Mapping[str, str], timeout_seconds: float) -> list[dict[str, Any]]:
        """The JSON values that the daemon answers with."""
        with self._sorted_errors():
            lines: list[dict[str, Any]] = self._client._client.request(
                path, args, opts=opts, decoder="json", timeout=timeout_seconds
            )
        return lines

    def read(
        self, path: str, *args: str, opts: Mapping[str, str], timeout_seconds: float
    ) -> Generator[bytes, None, None]:
        """The bytes that the daemon answers with, as they come; close the iterator to hang up."""
        with self._sorted_errors():
            stream = self._client._client.request(path, args, opts=opts, stream=True, timeout=timeout_seconds)
            with closing(stream):
                yield from stream

    def add(self, data: bytes, *, opts: Mapping[str, str], timeout_seconds: float) -> str:
        """Send `data` as one file; the CID that the daemon gives it."""
        with self._sorted_errors():
            return str(self._client.add_bytes(data, opts=opts, timeout=timeout_seconds))

    @contextmanager
    def _sorted_errors(self) -> Iterator[None]:
        try:
            yield
        except client_errors.StatusError as error:
            raise self._refusal(error) from error
        except client_errors.TimeoutError as error:
            if isinstance(error.original, requests.ConnectTimeout):
                raise self._unavailable(error) from error
            raise RpcTimeout(f"{self.api} has not answered in time") from error
        except (client_errors.ConnectionError, client_errors.ProtocolError) as error:
            raise self._unavailable(error) from error
        except client_errors.EncoderError as error:
            raise RpcBroken(f"{self.api} answered with what is not JSON ({error}); is it an IPFS node?") from error
        except requests.RequestException as error:  # raised while the answer streams, past ipfshttpclient's own care
            if "timed out" in str(error):
                raise RpcTimeout(f"{self.api} stopped sending") from error
            raise RpcBroken(f"{self.api} broke off its answer") from error

    def _refusal(self, error: client_errors.StatusError) -> Exception:
        response = getattr(error.original, "response", None)
        if response is not None and response.status_code in _FORBIDDEN:
            return DaemonUnavailable(
                f"the IPFS node at {self.api} refused us ({error}); expected its bearer token: open our sidecar by its "
                "folder, give a Kubo's API.Authorizations secret"
            )
        return RpcRefusal(str(error))

    def _unavailable(self, error: Exception) -> DaemonUnavailable:
        return DaemonUnavailable(
            f"expected an IPFS node at {self.api}, nobody answers ({error}); start one with `tenwings up`, or set "
            "IPFS_API to the API address of a running one"
        )


def is_loopback(multiaddr: str) -> bool:
    """Whether only this machine can reach the address."""
    return multiaddr.startswith(_LOOPBACK)
