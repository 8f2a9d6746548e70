"""Joining, and registering what members made."""

from __future__ import annotations

from brownie import chain
from dao_house import refused

from node import cid
from node.identity import Identity
from node.records.artifacts import ArtifactKind
from node.records.members import Role


def test_a_relayer_brings_a_member_in_and_the_member_needs_no_gas(house):
    newcomer = Identity.create()
    transaction = house.join(newcomer, Role.TRAINER | Role.EVALUATOR)

    member_id, roles, active, joined_at, _ = house.members.memberOf(newcomer.address)
    assert (member_id, roles, active) == (1, 3, True)
    assert joined_at == transaction.timestamp
    assert transaction.events["MemberJoined"]["admitter"] == house.operator.address
    assert house.members.numMembers() == 1


def test_nobody_joins_twice(house, trainers):
    with refused("AlreadyMember", trainers[0].address, 1):
        house.join(trainers[0], Role.TRAINER)


def test_a_late_request_is_refused(house):
    deadline = chain.time() - 10
    with refused("RequestExpired", deadline):
        house.join(Identity.create(), Role.TRAINER, deadline=deadline)


def test_a_member_registers_a_dataset(house, trainers):
    transaction = house.register(trainers[0], ArtifactKind.DATASET, cid.of(b"clouds"))

    kind, account, licence_id, _ = house.artifacts.artifact(cid.digest(cid.of(b"clouds")))
    assert (kind, account) == (ArtifactKind.DATASET, trainers[0].address)
    assert house.artifacts.licence(licence_id) == ("CC-BY-4.0", True)
    assert transaction.events["ArtifactRegistered"]["cid"] == "0x" + cid.to_bytes(cid.of(b"clouds")).hex()


def test_an_outsider_registers_nothing(house, outsider):
    with refused("NotAnActiveMember", outsider.address):
        house.register(outsider, ArtifactKind.DATASET, cid.of(b"stolen clouds"))


def test_a_licence_that_was_not_voted_for_is_refused(house, trainers):
    with refused("LicenceNotAllowed", "Proprietary"):
        house.register(trainers[0], ArtifactKind.DATASET, cid.of(b"clouds"), licence="Proprietary")
