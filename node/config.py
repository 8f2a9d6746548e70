"""Where a node keeps its things: every path under one state folder, checked once."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from node.errors import ConfigError, PrerequisiteError

HOME_VARIABLE = "TENWINGS_HOME"
DEFAULT_HOME = ".tenwings"
MEMBER_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
UNIX_SOCKET_PATH_MAX_BYTES = 107
"""Linux' sun_path holds 108 bytes with the closing zero."""
MIB = 1024 * 1024


@dataclass(frozen=True)
class Home:
    """One state folder. Paths are absolute; a property that names a folder creates it with mode 0700."""

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root).expanduser().absolute())

    @classmethod
    def find(cls, root: Path | str | None = None, environ: Mapping[str, str] | None = None) -> Home:
        """The folder given, else $TENWINGS_HOME, else ./.tenwings."""
        environ = os.environ if environ is None else environ
        return cls(Path(root or environ.get(HOME_VARIABLE) or DEFAULT_HOME))

    def require(self, *, min_free_mib: int = 200) -> None:
        """Raises PrerequisiteError when the folder cannot be written or its disk has less than `min_free_mib` free."""
        _folder(self.root)
        try:
            with tempfile.NamedTemporaryFile(dir=self.root):
                pass
        except OSError as error:
            raise PrerequisiteError(
                f"expected a writable state folder, {self.root} is not ({error.strerror}); "
                f"choose another with --home or {HOME_VARIABLE}"
            ) from error
        free_mib = shutil.disk_usage(self.root).free // MIB
        if free_mib < min_free_mib:
            raise PrerequisiteError(
                f"expected at least {min_free_mib} MiB free under {self.root}, there are {free_mib}; "
                f"free some or choose another disk with --home or {HOME_VARIABLE}"
            )

    # chain
    @property
    def chain(self) -> Path:
        return self._folder("chain")

    @property
    def chain_state(self) -> Path:
        """anvil's state, rewritten while it runs."""
        return self.chain / "state.json"

    @property
    def deployment(self) -> Path:
        """Addresses of the deployed contracts."""
        return self.chain / "deployment.json"

    @property
    def manifest(self) -> Path:
        """What the deployment is made of and who holds which power."""
        return self.chain / "manifest.json"

    # flower
    @property
    def flower(self) -> Path:
        """FLWR_HOME of the SuperLink's side."""
        return self._folder("flower")

    @property
    def flower_tls(self) -> Path:
        return self._folder("flower", "tls")

    @property
    def flower_state(self) -> Path:
        return self.flower / "state.db"

    @property
    def superexec_secret(self) -> Path:
        return self.flower / "superexec.secret"

    # the rest
    def ipfs(self, node: str) -> Path:
        """The repository of one IPFS node."""
        return self._folder("ipfs", checked_name(node, "IPFS node"))

    def member(self, name: str) -> MemberHome:
        return MemberHome(self, checked_member_name(name))

    def log(self, service: str) -> Path:
        return self._folder("logs") / f"{checked_name(service, 'service')}.log"

    def run(self, run_id: int) -> Path:
        """What this node keeps of one training run."""
        if run_id < 0:
            raise ValueError(f"expected a run id from 0, got {run_id}")
        return self._folder("runs", str(run_id))

    @property
    def stack(self) -> Path:
        """State of the groups of local services."""
        return self._folder("stack")

    @property
    def provenance(self) -> Path:
        """Key and certificates that sampled videos are signed with."""
        return self._folder("provenance")

    @property
    def signing_chain(self) -> Path:
        """The certificates alone; asking for them makes no folder."""
        return self.root / "provenance" / "chain.pem"

    def _folder(self, *parts: str) -> Path:
        return _folder(self.root.joinpath(*parts), root=self.root)


@dataclass(frozen=True)
class MemberHome:
    """What one member keeps on this machine."""

    home: Home
    name: str

    @property
    def root(self) -> Path:
        return self.home._folder("members", self.name)

    @property
    def keystore(self) -> Path:
        return self.root / "keystore.json"

    @property
    def password(self) -> Path:
        return self.root / "password"

    @property
    def node_key(self) -> Path:
        """The private key of the member's Flower node (NIST P-384, OpenSSH)."""
        return self.root / "node_key"

    @property
    def node_key_public(self) -> Path:
        return self.root / "node_key.pub"

    @property
    def flower(self) -> Path:
        """FLWR_HOME of this member's node: bundles are unpacked here."""
        return self.home._folder("members", self.name, "flower")

    @property
    def worker_socket(self) -> Path:
        """The resident trainer's socket; elsewhere, in a short private folder, when the state folder lies too deep."""
        return short_socket_path(self.root / "worker.sock")


def checked_member_name(name: str) -> str:
    """Raises ConfigError unless the name is fit for a folder, a log and a dashboard."""
    if not MEMBER_NAME.fullmatch(name):
        raise ConfigError(
            "expected a member name of 1 to 32 characters, a to z, 0 to 9 and hyphens, starting with a letter; "
            f"got {name!r}"
        )
    return name


def checked_name(name: str, what: str) -> str:
    """Raises ConfigError unless the name is a plain file name."""
    if not NAME.fullmatch(name):
        raise ConfigError(f"expected a {what} name of letters, digits, dots, hyphens and underscores; got {name!r}")
    return name


def short_socket_path(wanted: Path) -> Path:
    """`wanted`, or when that is too long for a Unix socket a path under the temporary folder that depends on it alone.

    Raises PrerequisiteError when the private folder there belongs to someone else.
    """
    if len(os.fsencode(wanted)) <= UNIX_SOCKET_PATH_MAX_BYTES:
        return wanted
    name = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:20]
    folder = Path(tempfile.gettempdir()) / f"tenwings-{os.getuid()}"
    _folder(folder)
    status = folder.lstat()
    if status.st_uid != os.getuid() or folder.is_symlink() or status.st_mode & 0o077:
        raise PrerequisiteError(f"expected {folder} to be a folder of yours with mode 0700; remove it and try again")
    short = folder / f"{name}.sock"
    if len(os.fsencode(short)) > UNIX_SOCKET_PATH_MAX_BYTES:
        raise PrerequisiteError(
            f"expected a socket path of at most {UNIX_SOCKET_PATH_MAX_BYTES} bytes, {short} is longer; "
            "choose a shorter TMPDIR"
        )
    return short


def _folder(path: Path, root: Path | None = None) -> Path:
    inside = [] if root is None else [p for p in path.parents if p == root or root in p.parents]
    try:
        for folder in (*reversed(inside), path):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise PrerequisiteError(
            f"expected to create the folder {path}, got: {error.strerror}; "
            f"choose another state folder with --home or {HOME_VARIABLE}"
        ) from error
    return path
