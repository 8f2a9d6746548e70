// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {World} from "./World.sol";
import {IncidentManager} from "contracts/IncidentManager.sol";
import {IIncidentManager} from "contracts/interfaces/IIncidentManager.sol";
import {IDisputedRuns, ISlashedRewards} from "contracts/interfaces/IIncidentTargets.sol";

/// @title Stands for runs: notes what was disputed, settled and paused.
contract RunsDouble is IDisputedRuns {
    uint32 public disputed;
    bool public voided;
    mapping(uint256 runId => uint48) public pausedUntil;

    function dispute(uint256, uint32 round) external {
        require(disputed == 0, "another dispute");
        disputed = round;
    }

    function settleDispute(uint256, uint32 round, bool voided_) external {
        require(disputed == round, "not disputed");
        (disputed, voided) = (0, voided_);
    }

    function hasRole(bytes32, address) external pure returns (bool) {
        return true;
    }

    function pause(uint256 runId, uint48 until) external {
        pausedUntil[runId] = until;
    }

    function unpause(uint256 runId) external {
        delete pausedUntil[runId];
    }
}

/// @title Stands for the vault: a member has so much that has not vested.
contract VaultDouble is ISlashedRewards {
    mapping(uint256 memberId => uint256) public unvested;
    uint256 public slashed;

    function grant(uint256 memberId, uint256 amount) external {
        unvested[memberId] += amount;
    }

    function slashUnvested(uint256, uint256 memberId, uint256 amount) external {
        if (amount > unvested[memberId]) amount = unvested[memberId];
        unvested[memberId] -= amount;
        slashed += amount;
    }
}

/// @title A world with an incident manager over doubles; every member has a bond of 100. Trainer 0 accuses trainer 1,
/// which is member 2.
abstract contract Incidents is World {
    uint96 internal constant BOND = 100e18;
    uint96 internal constant REPORT_BOND = 10e18;
    uint32 internal constant CASE_SECONDS = 14 days;
    uint32 internal constant WITHDRAWAL_SECONDS = 7 days;
    uint256 internal constant ACCUSED = 2;
    IIncidentManager.Target internal constant ON_RUN = IIncidentManager.Target.Run;
    IIncidentManager.Target internal constant ON_MEMBER = IIncidentManager.Target.Member;
    IIncidentManager.Target internal constant ON_ARTIFACT = IIncidentManager.Target.Artifact;

    RunsDouble internal disputes;
    VaultDouble internal vesting;
    IncidentManager internal incidents;

    function setUp() public virtual override {
        super.setUp();
        disputes = new RunsDouble();
        vesting = new VaultDouble();
        incidents = deployIncidents(address(token));
        for (uint256 id = 1; id <= 7; ++id) fundBond(id, BOND);
    }

    function deployIncidents(address token_) internal returns (IncidentManager made) {
        IIncidentManager.Settings memory settings = IIncidentManager.Settings(
            token_ == address(0) ? 0 : REPORT_BOND, CASE_SECONDS, WITHDRAWAL_SECONDS
        );
        made = IncidentManager(
            vm.deployCode(
                "IncidentManager.sol:IncidentManager",
                abi.encode(members, artifacts, disputedRuns(), slashedRewards(), token_, settings, ADMIN)
            )
        );
        _grantOn(address(made), made.GOVERNANCE_ROLE(), address(timelock));
        _grantOn(address(made), made.RESPONDER_ROLE(), GUARDIAN);
        _grantOn(address(members), members.INCIDENT_ROLE(), address(made));
        _grantOn(address(artifacts), artifacts.INCIDENT_ROLE(), address(made));
    }

    /// @dev Where rounds are disputed.
    function disputedRuns() internal view virtual returns (address) {
        return address(disputes);
    }

    /// @dev Where rewards are slashed.
    function slashedRewards() internal view virtual returns (address) {
        return address(vesting);
    }

    function fundBond(uint256 memberId, uint96 amount) internal {
        vm.prank(ADMIN);
        token.approve(address(incidents), amount);
        vm.prank(ADMIN);
        incidents.deposit(memberId, amount);
    }

    /// @dev Trainer `i` reports that member `accusedId` harmed run 1 with the dataset.
    function reportOf(uint256 i, uint256 accusedId) internal view returns (IIncidentManager.Report memory) {
        return IIncidentManager.Report({
            account: trainer(i),
            kind: uint8(IIncidentManager.Kind.HarmfulUpdate),
            severity: 3,
            accusedId: accusedId,
            runId: RUN,
            round: 0,
            artifact: dataset,
            evidenceCid: cid(keccak256("evidence")),
            nonce: incidents.nonces(trainer(i)),
            deadline: LATER
        });
    }

    function signReport(uint256 key, IIncidentManager.Report memory r) internal view returns (bytes memory) {
        bytes32 typehash = keccak256(
            "IncidentReport(address account,uint8 kind,uint8 severity,uint256 accusedId,uint256 runId,uint32 round,bytes32 artifact,bytes evidenceCid,uint256 nonce,uint64 deadline)"
        );
        bytes memory first = abi.encode(typehash, r.account, r.kind, r.severity, r.accusedId, r.runId);
        bytes memory second = abi.encode(r.round, r.artifact, keccak256(r.evidenceCid), r.nonce, r.deadline);
        return sign(key, typed("TenWings IncidentManager", address(incidents), keccak256(bytes.concat(first, second))));
    }

    function report(uint256 i, uint256 accusedId) internal returns (uint256) {
        IIncidentManager.Report memory r = reportOf(i, accusedId);
        return incidents.report(r, signReport(trainerKeys[i], r));
    }

    function disputeRound(uint256 i, uint256 accusedId, uint32 round) internal returns (uint256) {
        IIncidentManager.Report memory r = reportOf(i, accusedId);
        (r.kind, r.round) = (uint8(IIncidentManager.Kind.BadRound), round);
        return incidents.report(r, signReport(trainerKeys[i], r));
    }

    function contain(uint256 caseId, IIncidentManager.Target target, uint48 until) internal {
        vm.prank(GUARDIAN);
        incidents.contain(caseId, target, until);
    }

    function adjudicate(uint256 caseId, IIncidentManager.Status verdict, uint96 fromBond, uint256 fromUnvested)
        internal
    {
        vm.prank(address(timelock));
        incidents.adjudicate(caseId, verdict, IIncidentManager.Slash(fromBond, RUN, fromUnvested));
    }

    function signWithdrawal(uint256 key, address account, uint96 amount, uint256 nonce)
        internal
        view
        returns (bytes memory)
    {
        bytes32 typehash = keccak256("BondWithdrawal(address account,uint96 amount,uint256 nonce,uint64 deadline)");
        bytes32 structHash = keccak256(abi.encode(typehash, account, amount, nonce, LATER));
        return sign(key, typed("TenWings IncidentManager", address(incidents), structHash));
    }

    function askForBond(uint256 i, uint96 amount) internal {
        uint256 nonce = incidents.nonces(trainer(i));
        bytes memory signature = signWithdrawal(trainerKeys[i], trainer(i), amount, nonce);
        incidents.requestWithdrawal(trainer(i), amount, nonce, LATER, signature);
    }

    function _bond(uint256 memberId) internal view returns (uint256) {
        return incidents.bondOf(memberId).amount;
    }

    function _status(uint256 caseId) internal view returns (uint8) {
        return uint8(incidents.caseOf(caseId).status);
    }
}
