"""Compiles the contracts and writes contracts/artifacts/ (ABI and bytecode) and node/abi/ (ABIs, and errors in words).

With --check nothing is written: the exit status is 1 when a committed file differs from the sources.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "contracts" / "artifacts"
ABIS = ROOT / "node" / "abi"
SOLC_VERSION = "0.8.37"
SETTINGS: dict[str, Any] = {
    "remappings": ["@openzeppelin/=node_modules/@openzeppelin/"],
    "optimizer": {"enabled": True, "runs": 200},
    "evmVersion": "cancun",
}
TIMELOCK = "node_modules/@openzeppelin/contracts/governance/TimelockController.sol"
SOURCES = {
    "MemberRegistry": "contracts/MemberRegistry.sol",
    "ArtifactRegistry": "contracts/ArtifactRegistry.sol",
    "TrainingRuns": "contracts/TrainingRuns.sol",
    "RewardToken": "contracts/RewardToken.sol",
    "RewardVault": "contracts/RewardVault.sol",
    "IncidentManager": "contracts/IncidentManager.sol",
    "MeritEpochs": "contracts/MeritEpochs.sol",
    "TenWingsGovernor": "contracts/TenWingsGovernor.sol",
    "Charter": "contracts/Charter.sol",
    "Guardian": "contracts/Guardian.sol",
    "TimelockController": TIMELOCK,
}
"""Each deployed contract and the file that it is compiled from."""


def main(arguments: list[str] | None = None) -> int:
    """Writes the exported files, or compares them; returns the exit status."""
    parser = argparse.ArgumentParser(description="Export ABI and bytecode of the contracts.")
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    check = parser.parse_args(arguments).check
    files = render(compile_contracts())
    stale = [path for path, text in files.items() if not _holds(path, text)]
    extra = [path for folder in (ARTIFACTS, ABIS) for path in folder.glob("*.json")]
    extra = [path for path in extra if path not in files]
    if check:
        for path in stale + extra:
            sys.stderr.write(f"differs from the sources: {path.relative_to(ROOT)}\n")
        if stale or extra:
            sys.stderr.write("run: python contracts/scripts/export.py\n")
        return int(bool(stale or extra))
    _write({path: files[path] for path in stale}, extra)
    return 0


def compile_contracts() -> Mapping[str, Any]:
    """The compiler's output for SOURCES; raises solcx.exceptions.SolcError on a compile error."""
    os.environ.setdefault("SOLCX_BINARY_PATH", str(ROOT / ".solcx"))
    import solcx  # reads SOLCX_BINARY_PATH when it looks for a compiler

    outputs = [
        "abi",
        "userdoc",
        "evm.bytecode.object",
        "evm.deployedBytecode.object",
        "evm.deployedBytecode.immutableReferences",
    ]
    request = {
        "language": "Solidity",
        "sources": {path: {"content": (ROOT / path).read_text("utf-8")} for path in SOURCES.values()},
        "settings": {**SETTINGS, "outputSelection": {"*": {"*": outputs}}},
    }
    answer: Mapping[str, Any] = solcx.compile_standard(
        request, base_path=str(ROOT), allow_paths=str(ROOT), solc_version=SOLC_VERSION
    )
    return answer


def render(answer: Mapping[str, Any]) -> dict[Path, str]:
    """The exported files' paths and texts."""
    files, words = {}, {}
    for name, source in SOURCES.items():
        compiled = answer["contracts"][source][name]
        artifact = {
            "contractName": name,
            "sourceName": source,
            "abi": compiled["abi"],
            "bytecode": "0x" + compiled["evm"]["bytecode"]["object"],
            "deployedBytecode": "0x" + compiled["evm"]["deployedBytecode"]["object"],
            "immutables": _immutables(compiled["evm"]["deployedBytecode"].get("immutableReferences", {})),
            "compiler": {"version": SOLC_VERSION, "settings": SETTINGS},
        }
        files[ARTIFACTS / f"{name}.json"] = json.dumps(artifact, indent=1) + "\n"
        files[ABIS / f"{name}.json"] = json.dumps(compiled["abi"], indent=1) + "\n"
        for signature, notices in compiled["userdoc"].get("errors", {}).items():
            words.setdefault(signature.partition("(")[0], notices[0]["notice"])
    files[ABIS / "errors.json"] = json.dumps(words, indent=1, sort_keys=True) + "\n"
    return files


def _immutables(references: Mapping[str, list[dict[str, int]]]) -> list[dict[str, int]]:
    """Where values of the constructor stand in the deployed code, by position."""
    places = [place for found in references.values() for place in found]
    return sorted(places, key=lambda place: place["start"])


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text("utf-8") == text


def _write(files: Mapping[Path, str], extra: list[Path]) -> None:
    for folder in (ARTIFACTS, ABIS):
        folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text, "utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    for path in extra:
        path.unlink()
        print(f"removed {path.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
