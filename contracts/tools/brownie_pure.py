"""Runs Brownie 1.22 from its Python sources: its mypyc extensions break configuration, coverage and stateful tests.

Use it as the `brownie` command: python contracts/tools/brownie_pure.py test tests/contracts
It also puts the project's compiler, anvil and forge where Brownie looks for them.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


class PureBrownie(importlib.abc.MetaPathFinder):
    """Finds brownie's modules by their .py files, which the wheel carries beside the .so files."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of a brownie module, None for any other."""
        if name.partition(".")[0] != "brownie":
            return None
        sources = (importlib.machinery.SourceFileLoader, [".py"])
        for folder in sys.path if path is None else path:
            spec = importlib.machinery.FileFinder(folder or ".", sources).find_spec(name)
            if spec is not None and spec.loader is not None:
                return spec
        return None


def install() -> None:
    """Makes later imports of brownie pure, and mends two of its faults on anvil."""
    sys.meta_path.insert(0, PureBrownie())
    os.environ.setdefault("SOLCX_BINARY_PATH", str(ROOT / ".solcx"))
    native = sorted((ROOT / "node_modules" / "@foundry-rs").glob("*/bin"))
    os.environ["PATH"] = os.pathsep.join([*map(str, native), os.environ["PATH"]])
    from brownie.network import contract
    from brownie.network.rpc import anvil

    # Immutables make deployed code differ from the artifact; Brownie would then drop the source map.
    contract._verify_deployed_code = lambda *_, **__: True
    # Brownie passes evm_mine a bare number; anvil wants a list of parameters.
    anvil.mine = lambda at=None: anvil._request("evm_mine", [] if at is None else [at])


def forget_moved_sources() -> None:
    """Drops Brownie's build when it knows a source that is gone: it would fail to load the project."""
    built = ROOT / "build" / "contracts"
    sources = [json.loads(path.read_text("utf-8")).get("sourcePath", "") for path in built.glob("*.json")]
    if any(source.startswith("contracts/") and not (ROOT / source).exists() for source in sources):
        for folder in (built, ROOT / "build" / "interfaces"):
            shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Runs Brownie's command line in the project's root."""
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).parent]
    os.chdir(ROOT)
    forget_moved_sources()
    install()
    from brownie._cli.__main__ import main as brownie_main

    brownie_main()


if __name__ == "__main__":
    main()
