"""What only a real chain does: several senders of one account, reorganisations, restarts, odd bytes in events."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from node import cid as cids
from node import typed_data
from node.abi_codec import encode_call
from node.chain_ledger import ChainLedger
from node.chain_rpc import Rpc
from node.chain_sender import Sender
from node.deploy import deploy
from node.deployment import Deployment, DeploySettings
from node.errors import ConfigError, DaemonUnavailable, LedgerError, LedgerRefused, PrerequisiteError
from node.identity import Identity
from node.records.chain import Address
from node.records.members import JoinRequest, Role, Voucher
from node.stack import free_port
from node.typed_data import sign
from tests.support.anvil import ROOT, running_anvil

pytestmark = pytest.mark.real

OPERATOR = Identity(b"\x0e".rjust(32, b"\0"))
STRANGER = Identity(b"\x0d".rjust(32, b"\0"))
SETTINGS = DeploySettings(operator=OPERATOR.address)


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    with running_anvil([OPERATOR]) as url:
        yield deploy(url, OPERATOR, settings=SETTINGS)


def member(number: int) -> Identity:
    return Identity(number.to_bytes(32, "big"))


def join(ledger: ChainLedger, number: int) -> int:
    who, domain, deadline = member(number), ledger.domain("MemberRegistry"), 2**40
    request = JoinRequest(
        account=who.address,
        roles=Role.TRAINER,
        node_key_digest=number.to_bytes(32, "big"),
        name=f"member {number}",
        deadline=deadline,
    )
    voucher = Voucher(account=who.address, roles=Role.TRAINER, deadline=deadline)
    return ledger.join(request, sign(who, domain, request), sign(OPERATOR, domain, voucher))


def test_threads_that_share_an_account_lose_no_transaction(deployment: Deployment) -> None:
    ledger = ChainLedger(deployment, key=OPERATOR)
    with ThreadPoolExecutor(6) as pool:
        numbers = list(pool.map(lambda n: join(ledger, n), range(1, 31)))
    assert sorted(numbers) == list(range(1, 31))
    assert len(ledger.members()) == 30


def test_processes_that_share_an_account_lose_no_transaction(deployment: Deployment, tmp_path: Path) -> None:
    deployment.save(tmp_path / "deployment.json")
    command = [sys.executable, "-c", OTHER_PROCESS, str(tmp_path / "deployment.json")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"ready\n"
        ledger = ChainLedger(deployment, key=OPERATOR)
        for amount in range(1, 16):
            ledger._send("RewardToken", "transfer", STRANGER.address, amount)
        assert other.wait(timeout=60) == 0
    assert ledger.reward_balance(STRANGER.address) == 120 + 120_000


def test_a_pending_transaction_that_was_replaced_is_sent_again(deployment: Deployment) -> None:
    ledger, rpc = ChainLedger(deployment, key=OPERATOR), Rpc(deployment.rpc_url)
    rpc.request("evm_setAutomine", False)
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(ledger._send, "RewardToken", "transfer", STRANGER.address, 1)
        nonce = int(rpc.request("eth_getTransactionCount", OPERATOR.address, "latest"), 16)
        while int(rpc.request("eth_getTransactionCount", OPERATOR.address, "pending"), 16) == nonce:
            time.sleep(0.01)
        other = {"to": STRANGER.address, "value": 7, "gas": 21_000, "gasPrice": 10**11, "nonce": nonce}
        signed = Account.sign_transaction({**other, "chainId": ledger.chain_id()}, OPERATOR.private_key)
        rpc.request("eth_sendRawTransaction", "0x" + bytes(signed.raw_transaction).hex())
        rpc.request("evm_mine")
        rpc.request("evm_setAutomine", True)
        assert sent.result(timeout=60).logs
    assert ledger.reward_balance(STRANGER.address) == 1
    assert int(rpc.request("eth_getBalance", STRANGER.address, "latest"), 16) == 7


OTHER_PROCESS = f"""
import sys
from pathlib import Path
from node.chain_ledger import ChainLedger
from node.deployment import Deployment
from node.identity import Identity

ledger = ChainLedger(Deployment.load(Path(sys.argv[1])), key=Identity(bytes.fromhex("{OPERATOR.private_key.hex()}")))
print("ready", flush=True)
for amount in range(1, 16):
    ledger._send("RewardToken", "transfer", "{STRANGER.address}", amount * 1000)
"""


def test_events_that_a_reorganisation_took_away_are_forgotten(deployment: Deployment) -> None:
    ledger, rpc = ChainLedger(deployment, key=OPERATOR), Rpc(deployment.rpc_url)
    join(ledger, 1)
    snapshot = rpc.request("evm_snapshot")
    join(ledger, 2)
    assert len(ledger.members()) == 2
    rpc.request("evm_revert", snapshot)
    rpc.request("evm_mine")
    rpc.request("evm_mine")
    assert [m.account for m in ledger.members()] == [member(1).address]
    with pytest.raises(LedgerError, match="went back to an older state"):
        join(ledger, 3)
    assert join(ledger, 4) == 2


def test_a_ledger_lives_on_after_its_chain_restarts(tmp_path: Path) -> None:
    port, state = free_port(), str(tmp_path / "state.json")
    with running_anvil([OPERATOR], "--state", state, port=port) as url:
        ledger = ChainLedger(deploy(url, OPERATOR, settings=SETTINGS), key=OPERATOR)
        join(ledger, 1)
    with pytest.raises(DaemonUnavailable, match=f"127.0.0.1:{port}"):
        ledger.members()
    with running_anvil([], "--state", state, port=port):
        assert [m.account for m in ledger.members()] == [member(1).address]
        assert join(ledger, 2) == 2


def test_a_chain_that_was_reset_is_named(deployment: Deployment) -> None:
    with running_anvil([]) as url:
        ledger = ChainLedger(replace(deployment, rpc_url=url, deployed_at_block=0))
        with pytest.raises(LedgerError, match="got no code there: the chain was reset"):
            ledger.reward_balance(OPERATOR.address)


def test_another_chain_than_the_deployments_is_refused(deployment: Deployment) -> None:
    with pytest.raises(ConfigError, match="expected chain 1 of the deployment, got chain 31337"):
        ChainLedger(replace(deployment, chain_id=1))


def test_reading_needs_no_key_but_writing_does(deployment: Deployment) -> None:
    ledger = ChainLedger(deployment)
    assert ledger.members() == ()
    with pytest.raises(ConfigError, match="name a keystore"):
        join(ledger, 1)


def test_an_account_without_funds_is_told_so(deployment: Deployment) -> None:
    with pytest.raises(LedgerError, match=r"(?i)insufficient funds"):
        join(ChainLedger(deployment, key=STRANGER), 1)


def test_a_name_that_is_no_text_does_not_stop_readers(deployment: Deployment) -> None:
    ledger = ChainLedger(deployment, key=OPERATOR)
    who = member(1)
    name = b"\xff\xfe odd"
    fields = (who.address, 1, b"\x01" * 32, name.decode("latin-1"), 2**40)
    calldata = encode_call("MemberRegistry", "join", fields, signed_join(ledger, who, name), b"")
    odd = calldata.replace(padded(name.decode("latin-1").encode()), padded(name))
    Sender(Rpc(deployment.rpc_url), OPERATOR, deployment.chain_id).send(
        Address(deployment.addresses["MemberRegistry"]), odd
    )
    assert ledger.members()[0].name == "\ufffd\ufffd odd"


def padded(text: bytes) -> bytes:
    """Length and content of a text of at most 32 bytes, as the ABI lays them out."""
    return len(text).to_bytes(32, "big") + text.ljust(32, b"\0")


def signed_join(ledger: ChainLedger, who: Identity, name: bytes) -> bytes:
    """A signature over a request whose name is not UTF-8."""
    type_hash = keccak(
        text="JoinRequest(address account,uint8 roles,bytes32 nodeKeyDigest,string name,uint64 deadline)"
    )
    words = [bytes(12) + bytes.fromhex(who.address[2:]), (1).to_bytes(32, "big"), b"\x01" * 32, keccak(name)]
    struct = keccak(type_hash + b"".join(words) + (2**40).to_bytes(32, "big"))
    separator = typed_data._domain_separator(ledger.domain("MemberRegistry"))
    return who.sign_digest(keccak(b"\x19\x01" + separator + struct))


def test_an_errors_values_reach_the_caller(deployment: Deployment) -> None:
    ledger = ChainLedger(deployment, key=OPERATOR)
    with pytest.raises(LedgerRefused, match=r"UnknownRun\(runId=7\)"):
        ledger.close_failed(7, 1, cids.of(b"x"), "reason")


def test_a_missing_artifact_is_a_missing_prerequisite(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.artifacts.ARTIFACT_FOLDER", tmp_path)
    with pytest.raises(PrerequisiteError, match="checkout of the repository"):
        deploy(deployment.rpc_url, OPERATOR, settings=SETTINGS)
