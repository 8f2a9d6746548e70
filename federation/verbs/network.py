"""Verbs of the network and its rounds: up, join, train, audit, demo, run create."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.console import HomeOption, JsonOption, Out, Panel, RunOption, find_home, short, verb
from node.errors import ConfigError


def add_verbs(app: typer.Typer, run_app: typer.Typer) -> None:
    """Add this file's verbs to the command and to its group `run`."""
    app.command(rich_help_panel=Panel.NETWORK)(demo)
    app.command(rich_help_panel=Panel.NETWORK)(up)
    for command in (ask, join, train):
        app.command(rich_help_panel=Panel.TRAIN)(command)
    app.command(rich_help_panel=Panel.CHECK)(audit)
    run_app.command("create")(run_create)


@verb
def up(
    chain_port: Annotated[int, typer.Option(help="Of the chain's RPC; 0 chooses one at the first start.")] = 0,
    superlink_port: Annotated[int, typer.Option(help="Of Flower's SuperLink; 0 chooses.")] = 0,
    api_port: Annotated[int, typer.Option(help="Of the API and dashboard; 0 chooses.")] = 0,
    zero_token: Annotated[bool, typer.Option("--zero-token", help="No token, no rewards; at the first start.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start the local network and every node that lives in this state folder."""
    from federation.network import up as start

    out = Out(as_json=as_json)
    wanted = {"chain": chain_port, "superlink": superlink_port, "api": api_port}
    ports = start(
        find_home(home),
        attached=False,
        tell=lambda what: out.say(f"starting {what}"),
        ports=wanted,
        settings={"zero_token": True} if zero_token else None,
    )
    out.result({"dashboard": ports.api_url, "rpc": ports.rpc_url}, f"up; dashboard: {ports.api_url}")


@verb
def join(
    name: Annotated[str, typer.Argument(help="Your name in this network: a to z, 0 to 9, hyphens.")],
    role: Annotated[str, typer.Option(help="trainer, evaluator or curator; several joined by +.")] = "trainer",
    start: Annotated[bool, typer.Option(help="Start the node, too.")] = True,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Become a member by a signed message and start your node."""
    from federation.joining import join as join_network
    from federation.joining import parse_roles

    member = join_network(find_home(home), name, parse_roles(role), attached=False, start=start)
    Out(as_json=as_json).result(
        {"member_id": member.member_id, "name": name, "account": member.account, "roles": role},
        f"{name} is member {member.member_id}, account {member.account}" + ("; node started" if start else ""),
    )


@verb
def ask(
    name: Annotated[str, typer.Argument(help="Your name in this network: a to z, 0 to 9, hyphens.")],
    file: Annotated[Path, typer.Argument(help="Where to write the signed request.")],
    role: Annotated[str, typer.Option(help="trainer, evaluator or curator; several joined by +.")] = "trainer",
    days: Annotated[int, typer.Option(min=1, help="How long the request is good for.")] = 30,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a signed wish to join, for members to vote on: `tenwings propose admit FILE`."""
    from federation.joining import parse_roles, wish

    made = wish(find_home(home), name, parse_roles(role), days)
    made.save(file)
    account = made.request.account
    Out(as_json=as_json).result({"file": str(file), "account": account}, f"{file}: {name} asks to join as {account}")


@verb
def run_create(
    dataset: Annotated[str, typer.Option(help="CID of a registered dataset.")],
    spec: Annotated[Path | None, typer.Option(help="TOML file with the run spec.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="SECTION.NAME=VALUE; may be repeated.")] = None,
    start: Annotated[Path | None, typer.Option(help="Checkpoint to begin with (default: a new model).")] = None,
    codec: Annotated[Path | None, typer.Option(help="File of a frozen codec (default: pixels).")] = None,
    text: Annotated[Path | None, typer.Option(help="File of a frozen text encoder (default: hashed words).")] = None,
    quorum: Annotated[int, typer.Option(help="Evaluators that must co-sign a round.")] = 2,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a run: spec and genesis checkpoint on IPFS, the run on chain, its rewards funded."""
    from federation.config import RunSpec
    from federation.frozen_parts import put_parts
    from federation.runs import create_run
    from node.cid import parse
    from node.wiring import COORDINATOR, open_store

    base = RunSpec.from_toml(_spec_text(spec)) if spec else RunSpec()
    chosen, cid = base.with_changes(parse_settings(settings or [])), parse(dataset)
    if codec or text:
        store = open_store(find_home(home), COORDINATOR)
        chosen = chosen.with_changes(put_parts(store, {"codec": codec, "text": text}))
    run = create_run(find_home(home), chosen, cid, start=start.read_bytes() if start else None, quorum=quorum)
    Out(as_json=as_json).result(
        {"run": run.run_id, "spec": run.spec_cid, "genesis": run.head_cid},
        f"run {run.run_id}: spec {short(run.spec_cid)}, genesis {short(run.head_cid)}",
    )


def _spec_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--spec: expected a readable TOML file, got {path} ({error}); name another file") from error


def parse_settings(settings: list[str]) -> dict[str, str]:
    """["inner.num_steps=20"] as a mapping. Raises ConfigError."""
    changes = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name or not value:
            raise ConfigError(f"expected SECTION.NAME=VALUE, got {setting!r}")
        changes[name.strip()] = value.strip()
    return changes


@verb
def train(
    rounds: Annotated[int, typer.Option(min=1, help="Rounds to commit.")] = 1,
    run: RunOption = 1,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run rounds from the chain's head: lease, train, gate, score, aggregate, co-sign, commit."""
    from federation.progress import watch
    from federation.runs import train as train_rounds

    with watch(Out(as_json=as_json), rounds) as tell:
        train_rounds(find_home(home), run, rounds, tell=tell)


@verb
def audit(
    run: RunOption = 1,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replay everything but training from the chain and the CIDs; exit code 9 and a name for what does not hold."""
    from federation.audit_report import audit_run

    audit_run(find_home(home), run, Out(as_json=as_json))


@verb
def demo(
    rounds: Annotated[int, typer.Option(min=3, help="Rounds of training in all; the vote is between two of them.")] = 6,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the network up at the end.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for the video, the contact sheet and the plot.")] = Path("demo-out"),
    tour: Annotated[str, typer.Option(help="governance: a walk through decisions, incidents and data access.")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The main job, whole: a network, members, a dataset, rounds, a vote, rewards, a video, an audit."""
    from federation.demo import DemoPlan, run_demo
    from federation.tour import run_tour

    if tour not in ("", "governance"):
        raise ConfigError(f"--tour: expected governance, got {tour!r}")
    if tour:
        run_tour(find_home(home), Out(as_json=as_json), keep=keep)
        return
    run_demo(find_home(home), DemoPlan(num_rounds=rounds, keep=keep, out=out), Out(as_json=as_json))
