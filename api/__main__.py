"""`python -m api`: serves the dashboard, its JSON twins and the relay over one deployment."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.index.event_log import EventLog
from node.chain_ledger import ChainLedger
from node.config import HOME_VARIABLE, Home
from node.deployment import Deployment
from node.errors import ConfigError, TenWingsError
from node.identity import Identity, load_keystore, read_password
from node.ipfs import IpfsStore
from node.ports import ContentStore
from node.wiring import open_identity, open_store

DEFAULT_PORT = 8080
DEFAULT_IPFS_NODE = "coordinator"
RELAYER = "relayer"
"""The account of a network's operator that pays for the relay, where its home keeps one."""
MAX_CONNECTIONS = 256


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal. Returns the exit code; an error of the world is one line on stderr."""
    options = parser().parse_args(arguments)
    try:
        app = compose(options)
    except TenWingsError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    config = uvicorn.Config(
        app,
        host=options.host,
        port=options.port,
        http="h11",  # httptools takes headers of any size
        ws="none",
        lifespan="on",
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=5,
        access_log=False,
        server_header=False,
    )
    server = uvicorn.Server(config)
    server.run()
    return 0 if server.started else 1


def parser() -> argparse.ArgumentParser:
    """No secret is ever an argument: keys and passwords are named by file."""
    result = argparse.ArgumentParser(prog="python -m api", description=__doc__)
    where = f"state folder (default: ${HOME_VARIABLE}, when neither --deployment nor --ipfs is given ./.tenwings)"
    result.add_argument("--home", type=Path, help=where)
    result.add_argument(
        "--deployment", type=Path, metavar="FILE", help="the contracts' addresses (default: the home's)"
    )
    result.add_argument("--ipfs", type=Path, metavar="FOLDER", help="folder of a running IPFS node")
    result.add_argument("--ipfs-node", default=DEFAULT_IPFS_NODE, metavar="NAME", help="whose IPFS node in the home")
    result.add_argument("--index", metavar="URL", help="the index's database (default: SQLite beside the deployment)")
    result.add_argument(
        "--relay", metavar="NAME", help=f"whose account in the home pays for the relay (default: {RELAYER})"
    )
    result.add_argument("--relay-keystore", type=Path, metavar="FILE", help="or the keystore of that account")
    result.add_argument(
        "--relay-password-file", type=Path, metavar="FILE", help="and its password (or TENWINGS_PASSWORD)"
    )
    result.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine alone)")
    result.add_argument("--port", type=int, default=DEFAULT_PORT, help=f"(default: {DEFAULT_PORT})")
    return result


def compose(options: argparse.Namespace) -> FastAPI:
    """The app over the real chain and IPFS. Raises ConfigError, DaemonUnavailable."""
    home = _home(options)
    deployment_file = options.deployment or _need(home).deployment
    deployment = Deployment.load(deployment_file)
    relayer = _relayer(options, home)
    ledger = ChainLedger(deployment, key=relayer)
    return create_app(
        ledger,
        _store(options, home),
        reopen_store=lambda: _store(options, home),
        relay_ledger=ledger if relayer else None,
        log=EventLog(options.index or index_url(deployment_file, deployment)),
        first_block=deployment.deployed_at_block,
    )


def index_url(deployment_file: Path, deployment: Deployment) -> str:
    """Beside the deployment, named by it: another deployment gets another file."""
    contract = deployment.addresses["TrainingRuns"][2:10].lower()
    path = deployment_file.absolute().with_name(f"index-{deployment.chain_id}-{contract}.sqlite")
    return f"sqlite:///{path}"


def _home(options: argparse.Namespace) -> Home | None:
    """None when all is named by file."""
    explicit = options.deployment and options.ipfs
    if options.home is None and explicit and HOME_VARIABLE not in os.environ:
        return None
    return Home.find(options.home)


def _store(options: argparse.Namespace, home: Home | None) -> ContentStore:
    if options.ipfs is not None:
        return IpfsStore.from_folder(options.ipfs)
    return open_store(_need(home), options.ipfs_node)


def _relayer(options: argparse.Namespace, home: Home | None) -> Identity | None:
    if options.relay_keystore is not None:
        return load_keystore(options.relay_keystore, read_password(options.relay_password_file))
    if options.relay is not None:
        return open_identity(_need(home), options.relay)
    if home is not None and home.member(RELAYER).keystore.exists():
        return open_identity(home, RELAYER)
    return None


def _need(home: Home | None) -> Home:
    if home is None:
        raise ConfigError("expected --home, or --deployment and --ipfs together; name the state folder with --home")
    return home


if __name__ == "__main__":
    raise SystemExit(main())
